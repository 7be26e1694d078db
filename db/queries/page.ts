/** `limit` rows from `offset` on. */
export type Page = { limit: number; offset: number };

/** A cursor of a list that is ordered by time, then id. */
export type TimePlace = { at: Date; id: string };
