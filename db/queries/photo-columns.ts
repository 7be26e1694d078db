import { getTableColumns } from "drizzle-orm";
import { type Photo, photos } from "../schema/photos";

const {
  search: _search,
  tagKeys: _tagKeys,
  promptHash: _hash,
  ...columns
} = getTableColumns(photos);

/** A photo without what it is only found by, which can be larger than all the rest. */
export type ShownPhoto = Omit<Photo, "search" | "tagKeys" | "promptHash">;

/** The columns of a `ShownPhoto`. */
export const shownColumns = columns;
