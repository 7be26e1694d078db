import { and, asc, eq, gt, inArray, notExists, or, type SQL, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { backends } from "../../schema/backends";
import { containsWords } from "../photos/contains-words";
import { type Model, modelPlaces, models } from "../../schema/models";
import { placeInForce } from "../backends/in-force";
import { isAvailableAt, modelColumns } from "./availability";

export type ModelFilter = {
  type: string;
  base: string | null;
  favorite: boolean | null;
  available: boolean | null;
  /** Words to find in name and description. */
  q: string | null;
};

function modelsWhere(filter: ModelFilter): SQL | undefined {
  return and(
    eq(models.type, filter.type),
    filter.base === null ? undefined : eq(models.base, filter.base),
    filter.favorite === null ? undefined : eq(models.isFavorite, filter.favorite),
    filter.available === null ? undefined : sql`${isAvailableAt()} = ${filter.available}`,
    containsWords(filter.q, [models.name, models.description]),
  );
}

/** Models by name. */
export async function listModels(
  db: Db,
  params: {
    filter: ModelFilter;
    after: { name: string; key: string } | null;
    limit: number;
    offset: number;
  },
): Promise<Model[]> {
  const { after } = params;
  return db
    .select(modelColumns())
    .from(models)
    .where(
      and(
        modelsWhere(params.filter),
        after === null
          ? undefined
          : or(
              gt(models.name, after.name),
              and(eq(models.name, after.name), gt(models.key, after.key)),
            ),
      ),
    )
    .orderBy(asc(models.name), asc(models.key))
    .limit(params.limit)
    .offset(params.offset);
}

export async function countModels(db: Db, filter: ModelFilter): Promise<number> {
  return db.$count(models, modelsWhere(filter));
}

export async function findModel(db: Db | Tx, key: string): Promise<Model | undefined> {
  const [row] = await db.select(modelColumns()).from(models).where(eq(models.key, key));
  return row;
}

/** The available VAEs of these bases. */
export async function listVaes(db: Db, bases: string[]): Promise<Model[]> {
  if (bases.length === 0) return [];
  return db
    .select(modelColumns())
    .from(models)
    .where(and(eq(models.type, "vae"), inArray(models.base, bases), isAvailableAt()))
    .orderBy(asc(models.name), asc(models.key));
}

/** undefined when the model does not exist. */
export async function setModelFavorite(
  db: Db,
  params: { key: string; isFavorite: boolean },
): Promise<Model | undefined> {
  const [row] = await db
    .update(models)
    .set({ isFavorite: params.isFavorite })
    .where(eq(models.key, params.key))
    .returning(modelColumns());
  return row;
}

/** Deletes a model that no place has; false when one has it, or it does not exist. */
export async function deleteGoneModel(db: Db, key: string): Promise<boolean> {
  const places = db.select().from(modelPlaces).where(eq(modelPlaces.key, models.key));
  const deleted = await db
    .delete(models)
    .where(and(eq(models.key, key), notExists(places)))
    .returning({ key: models.key });
  return deleted.length === 1;
}

/** Records that a step uses a model. */
export async function touchModel(tx: Tx, params: { key: string; now: Date }): Promise<void> {
  await tx.update(models).set({ lastUsedAt: params.now }).where(eq(models.key, params.key));
}

/** The time of the last sync with a place, by default with the one in force; null: never. */
export async function findModelsSyncedAt(
  db: Db,
  place: SQL | string = placeInForce,
): Promise<Date | null> {
  const list = sql`(select model_list from backends where ref = ${place})`;
  const [row] = await db
    .select({ at: backends.modelsSyncedAt })
    .from(backends)
    .where(eq(backends.ref, list));
  return row?.at ?? null;
}
