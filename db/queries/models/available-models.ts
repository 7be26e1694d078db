import { and, desc, eq, inArray, isNotNull, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type Model, models } from "../../schema/models";
import { isAvailableAt, modelColumns } from "./availability";

/** The models of these types that a place has, by default the one in force; by name. */
export async function listAvailableModels(
  db: Db | Tx,
  types: string[],
  place?: string,
): Promise<Model[]> {
  return db
    .select(modelColumns(place))
    .from(models)
    .where(and(inArray(models.type, types), isAvailableAt(place)))
    .orderBy(models.name, models.key);
}

/** Supported models for requests that name none, best first: the one used last, else a favourite, else the first by name. */
export async function listDefaultModels(db: Db | Tx): Promise<Model[]> {
  return db
    .select(modelColumns())
    .from(models)
    .where(and(eq(models.type, "main"), isAvailableAt(), isNotNull(models.accepts)))
    .orderBy(
      sql`${models.lastUsedAt} desc nulls last`,
      desc(models.isFavorite),
      models.name,
      models.key,
    );
}
