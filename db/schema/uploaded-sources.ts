import { pgTable, primaryKey, text } from "drizzle-orm/pg-core";
import { moment } from "./columns";

/** Source images that were uploaded to a backend, by content: each is uploaded once in 30 days. */
export const uploadedSources = pgTable(
  "uploaded_sources",
  {
    backend: text("backend").notNull(),
    /** SHA-256 of the bytes that were uploaded, hex. */
    contentHash: text("content_hash").notNull(),
    /** The image's name in InvokeAI. */
    imageName: text("image_name").notNull(),
    uploadedAt: moment("uploaded_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.backend, table.contentHash] })],
);
