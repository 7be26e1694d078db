import { and, asc, eq, gt, inArray, max, or, type SQL } from "drizzle-orm";
import type { Db, Tx } from "../client";
import { backends } from "../schema/backends";
import { containsWords } from "./contains-words";
import { type Model, models } from "../schema/models";

export type ModelFilter = {
  type: string;
  base: string | null;
  favorite: boolean | null;
  /** Words looked for in name and description. */
  q: string | null;
};

function modelsWhere(filter: ModelFilter): SQL | undefined {
  return and(
    eq(models.type, filter.type),
    filter.base === null ? undefined : eq(models.base, filter.base),
    filter.favorite === null ? undefined : eq(models.isFavorite, filter.favorite),
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
    .select()
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
  const [row] = await db.select().from(models).where(eq(models.key, key));
  return row;
}

/** The VAEs of these bases that InvokeAI has now. */
export async function listVaes(db: Db, bases: string[]): Promise<Model[]> {
  if (bases.length === 0) return [];
  return db
    .select()
    .from(models)
    .where(and(eq(models.type, "vae"), inArray(models.base, bases), eq(models.isAvailable, true)))
    .orderBy(asc(models.name), asc(models.key));
}

/** undefined when there is no such model. */
export async function setModelFavorite(
  db: Db,
  params: { key: string; isFavorite: boolean },
): Promise<Model | undefined> {
  const [row] = await db
    .update(models)
    .set({ isFavorite: params.isFavorite })
    .where(eq(models.key, params.key))
    .returning();
  return row;
}

/** Remembers that pictures were asked of a model. */
export async function touchModel(tx: Tx, params: { key: string; now: Date }): Promise<void> {
  await tx.update(models).set({ lastUsedAt: params.now }).where(eq(models.key, params.key));
}

/** When the list was last brought in step with InvokeAI; null: never. */
export async function findModelsSyncedAt(db: Db): Promise<Date | null> {
  const [row] = await db.select({ at: max(backends.modelsSyncedAt) }).from(backends);
  return row?.at ?? null;
}
