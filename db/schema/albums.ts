import { sql } from "drizzle-orm";
import { bigint, check, index, pgTable, primaryKey, text, uuid } from "drizzle-orm/pg-core";
import { moment } from "./columns";
import { photos } from "./photos";

export const albums = pgTable(
  "albums",
  {
    id: uuid("id").primaryKey(),
    name: text("name").notNull(),
    description: text("description"),
    coverPhotoId: uuid("cover_photo_id").references(() => photos.id, { onDelete: "set null" }),
    createdAt: moment("created_at").notNull().defaultNow(),
    updatedAt: moment("updated_at").notNull().defaultNow(),
  },
  (table) => [
    check("albums_name", sql`char_length(${table.name}) between 1 and 200`),
    index("albums_newest").on(table.createdAt, table.id),
    index("albums_cover").on(table.coverPhotoId),
  ],
);

export const albumPhotos = pgTable(
  "album_photos",
  {
    albumId: uuid("album_id")
      .notNull()
      .references(() => albums.id, { onDelete: "cascade" }),
    photoId: uuid("photo_id")
      .notNull()
      .references(() => photos.id, { onDelete: "cascade" }),
    /** Manual order. The gaps are wide, so that moving a photo writes one row. */
    rank: bigint("rank", { mode: "number" }).notNull(),
    addedAt: moment("added_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.albumId, table.photoId] }),
    index("album_photos_order").on(table.albumId, table.rank, table.photoId),
    index("album_photos_photo").on(table.photoId),
  ],
);

export type Album = typeof albums.$inferSelect;
