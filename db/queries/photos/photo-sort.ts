import { sql, type SQL } from "drizzle-orm";
import { photos } from "../../schema/photos";

export const photoSorts = ["newest", "oldest", "taken_at", "rating"] as const;
export type PhotoSort = (typeof photoSorts)[number];

/** The photo behind which a page begins: the values that sorts compare, and the id. */
export type PhotoCursor = { id: string; createdAt: string; shownAt: string; rating: number };

const rated = sql`coalesce(${photos.rating}, -1)`;

/** Each has an index on its columns in this order, read forwards or backwards; the id breaks ties. */
const sorts: Record<
  PhotoSort,
  { keys: SQL[]; direction: "asc" | "desc"; at: (cursor: PhotoCursor) => SQL[] }
> = {
  newest: { keys: [sql`${photos.createdAt}`], direction: "desc", at: atCreation },
  oldest: { keys: [sql`${photos.createdAt}`], direction: "asc", at: atCreation },
  taken_at: {
    keys: [sql`${photos.shownAt}`],
    direction: "desc",
    at: ({ shownAt }) => [sql`${shownAt}::timestamp`],
  },
  rating: {
    keys: [rated, sql`${photos.createdAt}`],
    direction: "desc",
    at: (cursor) => [sql`${cursor.rating}::int`, ...atCreation(cursor)],
  },
};

function atCreation({ createdAt }: PhotoCursor): SQL[] {
  return [sql`${createdAt}::timestamptz`];
}

export function orderOf(sort: PhotoSort): SQL[] {
  const { keys, direction } = sorts[sort];
  return [...keys, sql`${photos.id}`].map((key) => sql`${key} ${sql.raw(direction)}`);
}

/** The condition: behind this photo in the order. */
export function behind(sort: PhotoSort, cursor: PhotoCursor): SQL {
  const { keys, direction, at } = sorts[sort];
  const left = sql.join([...keys, sql`${photos.id}`], sql`, `);
  const right = sql.join([...at(cursor), sql`${cursor.id}::uuid`], sql`, `);
  return sql`(${left}) ${sql.raw(direction === "desc" ? "<" : ">")} (${right})`;
}

/** A cursor of placeholders, named like its fields. */
export const cursorPlaceholders = Object.fromEntries(
  ["id", "createdAt", "shownAt", "rating"].map((name) => [name, sql.placeholder(name)]),
  // `behind` only passes these values to Drizzle.
) as unknown as PhotoCursor;
