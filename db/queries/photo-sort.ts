import { sql, type SQL } from "drizzle-orm";
import { photos } from "../schema/photos";

export type PhotoSort = "newest" | "oldest" | "taken_at" | "rating";

/** Behind which photo a page begins: what its sort compares, and the id. */
export type PhotoPlace = { id: string; createdAt: string; shownAt: string; rating: number };

const rated = sql`coalesce(${photos.rating}, -1)`;

/** Each has an index of its columns in this order, to be read forwards or backwards; ids decide between equals. */
const sorts: Record<
  PhotoSort,
  { keys: SQL[]; direction: "asc" | "desc"; at: (place: PhotoPlace) => SQL[] }
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
    at: (place) => [sql`${place.rating}::int`, ...atCreation(place)],
  },
};

function atCreation({ createdAt }: PhotoPlace): SQL[] {
  return [sql`${createdAt}::timestamptz`];
}

export function orderOf(sort: PhotoSort): SQL[] {
  const { keys, direction } = sorts[sort];
  return [...keys, sql`${photos.id}`].map((key) => sql`${key} ${sql.raw(direction)}`);
}

/** The condition of what comes behind a place. */
export function behind(sort: PhotoSort, place: PhotoPlace): SQL {
  const { keys, direction, at } = sorts[sort];
  const left = sql.join([...keys, sql`${photos.id}`], sql`, `);
  const right = sql.join([...at(place), sql`${place.id}::uuid`], sql`, `);
  return sql`(${left}) ${sql.raw(direction === "desc" ? "<" : ">")} (${right})`;
}

/** A place whose values come later, under their own names. */
export const laterPlace = Object.fromEntries(
  ["id", "createdAt", "shownAt", "rating"].map((name) => [name, sql.placeholder(name)]),
  // `behind` does nothing with them but to hand them to Drizzle.
) as unknown as PhotoPlace;
