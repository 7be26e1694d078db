import { pgTable, primaryKey, text } from "drizzle-orm/pg-core";
import { moment } from "./columns";

/** Source pictures that lie on an InvokeAI, by their bytes as they were sent: each is sent there once in 30 days. */
export const uploadedSources = pgTable(
  "uploaded_sources",
  {
    backend: text("backend").notNull(),
    /** SHA-256 of the prepared picture, hex. */
    contentHash: text("content_hash").notNull(),
    /** The picture's name there. */
    imageName: text("image_name").notNull(),
    uploadedAt: moment("uploaded_at").notNull().defaultNow(),
  },
  (table) => [primaryKey({ columns: [table.backend, table.contentHash] })],
);
