import { eq, notInArray, sql } from "drizzle-orm";
import type { Db } from "../client";
import { backends } from "../schema/backends";
import { type Model, models } from "../schema/models";

export type SeenModel = Omit<Model, "isAvailable" | "isFavorite" | "lastUsedAt">;

/**
 * Brings the rows in step with what InvokeAI listed; a model that is gone stays and is marked. Nothing but the moment is
 * written while `digest` is that of last time. False, and nothing is written, when somebody did the same since `found`
 * was read: his list may be the newer one.
 */
export async function syncModels(
  db: Db,
  params: { backend: string; seen: SeenModel[]; digest: string; found: Date | null; now: Date },
): Promise<boolean> {
  const { backend, seen, digest, found, now } = params;
  return db.transaction(async (tx) => {
    await tx.insert(backends).values({ ref: backend }).onConflictDoNothing();
    const [before] = await tx
      .select({ at: backends.modelsSyncedAt, digest: backends.modelsDigest })
      .from(backends)
      .where(eq(backends.ref, backend))
      .for("update");
    if (before?.at?.getTime() !== found?.getTime()) return false;
    await tx
      .update(backends)
      .set({ modelsSyncedAt: now, modelsDigest: digest })
      .where(eq(backends.ref, backend));
    if (before?.digest === digest) return true;
    const keys = seen.map((model) => model.key);
    await tx
      .update(models)
      .set({ isAvailable: false })
      .where(keys.length > 0 ? notInArray(models.key, keys) : undefined);
    if (seen.length === 0) return true;
    await tx
      .insert(models)
      .values(seen.map((model) => ({ ...model, isAvailable: true })))
      .onConflictDoUpdate({
        target: models.key,
        set: {
          hash: sql`excluded.hash`,
          name: sql`excluded.name`,
          type: sql`excluded.type`,
          base: sql`excluded.base`,
          format: sql`excluded.format`,
          variant: sql`excluded.variant`,
          description: sql`excluded.description`,
          defaults: sql`excluded.defaults`,
          accepts: sql`excluded.accepts`,
          isAvailable: true,
        },
      });
    return true;
  });
}
