import { and, desc, eq, inArray, isNotNull, sql } from "drizzle-orm";
import type { Db, Tx } from "../client";
import { type Model, models } from "../schema/models";

/** What InvokeAI has now of these types, by name. */
export async function listAvailableModels(db: Db | Tx, types: string[]): Promise<Model[]> {
  return db
    .select()
    .from(models)
    .where(and(inArray(models.type, types), eq(models.isAvailable, true)))
    .orderBy(models.name, models.key);
}

/** The model to take where nothing names one: the one used last, else a favourite, else the first by name. */
export async function findUsualModel(db: Db | Tx): Promise<Model | undefined> {
  const [model] = await db
    .select()
    .from(models)
    .where(and(eq(models.type, "main"), eq(models.isAvailable, true), isNotNull(models.accepts)))
    .orderBy(
      sql`${models.lastUsedAt} desc nulls last`,
      desc(models.isFavorite),
      models.name,
      models.key,
    )
    .limit(1);
  return model;
}
