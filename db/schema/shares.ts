import { sql } from "drizzle-orm";
import {
  boolean,
  check,
  index,
  integer,
  pgTable,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { albums } from "./albums";
import { moment } from "./columns";
import { photos } from "./photos";

export const shareLinks = pgTable(
  "share_links",
  {
    id: uuid("id").primaryKey(),
    /** SHA-256 of the access key, hex; the key itself is not stored. */
    keyHash: text("key_hash").notNull(),
    photoId: uuid("photo_id").references(() => photos.id, { onDelete: "cascade" }),
    albumId: uuid("album_id").references(() => albums.id, { onDelete: "cascade" }),
    title: text("title"),
    expiresAt: moment("expires_at"),
    /** argon2id. */
    passwordHash: text("password_hash"),
    /** Part of every unlock cookie and token: a new password invalidates them. */
    passwordVersion: integer("password_version").notNull().default(0),
    allowDownload: boolean("allow_download").notNull().default(false),
    showMetadata: boolean("show_metadata").notNull().default(false),
    maxViews: integer("max_views"),
    viewCount: integer("view_count").notNull().default(0),
    lastAccessedAt: moment("last_accessed_at"),
    createdAt: moment("created_at").notNull().defaultNow(),
    revokedAt: moment("revoked_at"),
  },
  (table) => [
    uniqueIndex("share_links_key").on(table.keyHash),
    check("share_links_one_target", sql`num_nonnulls(${table.photoId}, ${table.albumId}) = 1`),
    check("share_links_key_hash", sql`${table.keyHash} ~ '^[0-9a-f]{64}$'`),
    check(
      "share_links_views",
      sql`${table.viewCount} >= 0 and (${table.maxViews} is null or (${table.maxViews} > 0 and ${table.viewCount} <= ${table.maxViews}))`,
    ),
    index("share_links_newest").on(table.createdAt, table.id),
    index("share_links_photo").on(table.photoId),
    index("share_links_album").on(table.albumId),
  ],
);

export type ShareLink = typeof shareLinks.$inferSelect;
