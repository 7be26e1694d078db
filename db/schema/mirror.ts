import { sql } from "drizzle-orm";
import {
  boolean,
  check,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  uuid,
} from "drizzle-orm/pg-core";
import { albums } from "./albums";
import { among, moment } from "./columns";
import { photos } from "./photos";

/**
 * `taken`: it became a photo. `known`: its bytes were a photo already. `own`: this gallery or another one generated it.
 * `refused`: it cannot be taken.
 */
const mirrorOutcomes = ["taken", "known", "own", "refused"] as const;
export type MirrorOutcome = (typeof mirrorOutcomes)[number];

/** A picture of InvokeAI's gallery that was looked at. It is not taken again, whatever becomes of the photo. */
export const mirroredImages = pgTable(
  "mirrored_images",
  {
    backend: text("backend").notNull(),
    /** The image's name in InvokeAI. */
    imageName: text("image_name").notNull(),
    outcome: text("outcome").$type<MirrorOutcome>().notNull(),
    /** null once the photo was deleted for good. */
    photoId: uuid("photo_id").references(() => photos.id, { onDelete: "set null" }),
    /** Why it was refused. */
    reason: text("reason"),
    /** As last seen in InvokeAI. */
    isStarred: boolean("is_starred").notNull().default(false),
    /** The board that it was on when last seen; null: none. */
    boardId: text("board_id"),
    seenAt: moment("seen_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.backend, table.imageName] }),
    check("mirrored_images_outcome", among(table.outcome, mirrorOutcomes)),
    index("mirrored_images_photo").on(table.photoId),
    index("mirrored_images_refused")
      .on(table.seenAt, table.imageName)
      .where(sql`${table.outcome} = 'refused'`),
  ],
);

/** A board of InvokeAI that is mirrored as an album. */
export const mirroredBoards = pgTable(
  "mirrored_boards",
  {
    backend: text("backend").notNull(),
    boardId: text("board_id").notNull(),
    /** As last seen in InvokeAI. */
    name: text("name").notNull(),
    /** The name by which the settings choose it: it stays chosen when it is renamed. */
    chosenAs: text("chosen_as"),
    /** An album was made for it. */
    hasAlbum: boolean("has_album").notNull().default(false),
    /** null before that, and once the album was deleted: it is not made again. */
    albumId: uuid("album_id").references(() => albums.id, { onDelete: "set null" }),
  },
  (table) => [
    primaryKey({ columns: [table.backend, table.boardId] }),
    index("mirrored_boards_album").on(table.albumId),
  ],
);

/** How far the mirror of a place is. */
export const mirrorStates = pgTable("mirror_states", {
  backend: text("backend").primaryKey(),
  /** When the list of all pictures was last compared. */
  comparedAt: moment("compared_at"),
  /** Pictures that were not examined yet, as of then. */
  waiting: integer("waiting").notNull().default(0),
  /** Why the last check failed; null: it did not. */
  fault: text("fault"),
  updatedAt: moment("updated_at").notNull(),
});

export type MirroredBoard = typeof mirroredBoards.$inferSelect;
