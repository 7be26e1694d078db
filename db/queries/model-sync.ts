import { notInArray, sql } from "drizzle-orm";
import type { Db } from "../client";
import { backends } from "../schema/backends";
import { type Model, models } from "../schema/models";

export type SeenModel = Pick<
  Model,
  "key" | "hash" | "name" | "type" | "base" | "format" | "description" | "defaults" | "accepts"
>;

/** Brings the rows in step with what InvokeAI lists; a model that is gone stays and is marked. Returns how many there are. */
export async function syncModels(
  db: Db,
  params: { backend: string; seen: SeenModel[]; now: Date },
): Promise<number> {
  const { seen, now } = params;
  await db.transaction(async (tx) => {
    const keys = seen.map((model) => model.key);
    await tx
      .update(models)
      .set({ isAvailable: false })
      .where(keys.length > 0 ? notInArray(models.key, keys) : undefined);
    if (seen.length > 0) {
      await tx
        .insert(models)
        .values(seen.map((model) => ({ ...model, isAvailable: true, seenAt: now })))
        .onConflictDoUpdate({
          target: models.key,
          set: {
            hash: sql`excluded.hash`,
            name: sql`excluded.name`,
            type: sql`excluded.type`,
            base: sql`excluded.base`,
            format: sql`excluded.format`,
            description: sql`excluded.description`,
            defaults: sql`excluded.defaults`,
            accepts: sql`excluded.accepts`,
            isAvailable: true,
            seenAt: now,
          },
        });
    }
    await tx
      .insert(backends)
      .values({ ref: params.backend, modelsSyncedAt: now })
      .onConflictDoUpdate({ target: backends.ref, set: { modelsSyncedAt: now } });
  });
  return seen.length;
}
