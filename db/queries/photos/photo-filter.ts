import { and, eq, gte, isNotNull, isNull, lt, type Placeholder, sql, type SQL } from "drizzle-orm";
import { albumPhotos } from "../../schema/albums";
import { type PhotoKind, photos, type RetrievalStatus } from "../../schema/photos";

export type PhotoFilter = {
  kind?: PhotoKind | undefined;
  sessionId?: string | undefined;
  stepId?: string | undefined;
  albumId?: string | undefined;
  isFavorite?: boolean | undefined;
  modelKey?: string | undefined;
  /** A result of `tagKey`. */
  tagKey?: string | undefined;
  retrievalStatus?: RetrievalStatus | undefined;
  /** Inclusive bound of `createdAt`. */
  since?: Date | undefined;
  /** Exclusive bound of `createdAt`. */
  until?: Date | undefined;
  /** A result of `searchQuery`. */
  search?: string | undefined;
  /** A photo with the same prompt. Matches nothing if it has no prompt or does not exist. */
  samePromptAs?: string | undefined;
  isTrashed: boolean;
};

/**
 * The condition of a filter; never matches purged photos. Conditions of partial indexes are literals, not parameters: a
 * generic plan would not use these indexes otherwise.
 */
export function matching(filter: PhotoFilter): SQL | undefined {
  const { isFavorite, retrievalStatus: status } = filter;
  return and(
    ...(filter.isTrashed
      ? [isNotNull(photos.deletedAt), isNull(photos.purgedAt)]
      : [isNull(photos.deletedAt)]),
    filter.kind && eq(photos.kind, filter.kind),
    filter.sessionId === undefined ? undefined : eq(photos.sessionId, filter.sessionId),
    filter.stepId === undefined ? undefined : eq(photos.stepId, filter.stepId),
    isFavorite === undefined
      ? undefined
      : isFavorite
        ? sql`${photos.isFavorite}`
        : sql`not ${photos.isFavorite}`,
    filter.modelKey === undefined
      ? undefined
      : sql`${photos.generation} is not null and (${photos.generation} ->> 'modelKey') = ${filter.modelKey}`,
    filter.tagKey === undefined ? undefined : sql`${photos.tagKeys} @> array[${filter.tagKey}]`,
    status === undefined ? undefined : sql`${photos.retrievalStatus} = ${sql.raw(`'${status}'`)}`,
    filter.since && gte(photos.createdAt, filter.since),
    filter.until && lt(photos.createdAt, filter.until),
    filter.search === undefined ? undefined : sql`${photos.search} @@ ${filter.search}::tsquery`,
    filter.samePromptAs === undefined
      ? undefined
      : sql`${photos.promptHash} = (select one.prompt_hash from photos as one where one.id = ${filter.samePromptAs})`,
    filter.albumId === undefined
      ? undefined
      : sql`exists (select 1 from ${albumPhotos} where ${albumPhotos.albumId} = ${filter.albumId} and ${albumPhotos.photoId} = ${photos.id})`,
  );
}

/**
 * Splits a filter into `shape`, the filter with placeholders for the parameters of its condition, and the parameters'
 * `values` by name. `key` is equal for filters of equal shape.
 */
export function splitFilter(filter: PhotoFilter): {
  key: string;
  shape: PhotoFilter;
  values: Record<string, string>;
} {
  const { isTrashed, isFavorite, retrievalStatus, ...others } = filter;
  const written = { isTrashed, isFavorite, retrievalStatus };
  const values: Record<string, string> = {};
  const held: Record<string, Placeholder> = {};
  for (const [name, value] of Object.entries(others)) {
    if (value === undefined) continue;
    values[name] = value instanceof Date ? value.toISOString() : value;
    held[name] = sql.placeholder(name);
  }
  return {
    key: JSON.stringify([written, Object.keys(held)]),
    // `matching` only passes these values to Drizzle, which accepts placeholders.
    shape: { ...written, ...held } as unknown as PhotoFilter,
    values,
  };
}
