import { inArray } from "drizzle-orm";
import type { Db } from "../client";
import { type Model, models } from "../schema/models";

/** Models by key; one that was never seen is missing from the map. */
export async function findModelsByKey(db: Db, keys: string[]): Promise<Map<string, Model>> {
  if (keys.length === 0) return new Map();
  const rows = await db.select().from(models).where(inArray(models.key, keys));
  return new Map(rows.map((model) => [model.key, model]));
}
