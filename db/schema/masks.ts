import { sql } from "drizzle-orm";
import { check, customType, integer, pgTable, text } from "drizzle-orm/pg-core";
import { moment } from "./columns";

const bytes = customType<{ data: Uint8Array; driverData: Uint8Array }>({ dataType: () => "bytea" });

/**
 * Masks of steps, by content. A mask is a copy, so that it outlives the photo that it was made from; in the database
 * and not in a file, because it is small and belongs to rows.
 */
export const masks = pgTable(
  "masks",
  {
    /** SHA-256 of `png`, hex. */
    contentHash: text("content_hash").primaryKey(),
    width: integer("width").notNull(),
    height: integer("height").notNull(),
    /** Eight bits of grey: white is painted, black is kept. */
    png: bytes("png").notNull(),
    /** When a step last named it. A mask that no row names is deleted some time after that. */
    usedAt: moment("used_at").notNull(),
  },
  (table) => [check("masks_size", sql`${table.width} > 0 and ${table.height} > 0`)],
);

export type Mask = typeof masks.$inferSelect;
