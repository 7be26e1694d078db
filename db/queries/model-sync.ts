import { eq, notInArray, sql } from "drizzle-orm";
import type { Db, Tx } from "../client";
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
    await carryMarks(tx);
    return true;
  });
}

/** A model that was installed anew has another key and the same hash: it is the favourite that it was, and was used when it was. */
async function carryMarks(tx: Tx): Promise<void> {
  await tx.execute(sql`
    update models as here
    set is_favorite = here.is_favorite or gone.is_favorite,
      last_used_at = greatest(here.last_used_at, gone.last_used_at)
    from (
      select hash, type, bool_or(is_favorite) as is_favorite, max(last_used_at) as last_used_at
      from models where not is_available and hash <> '' group by hash, type
    ) as gone
    where here.is_available and here.hash = gone.hash and here.type = gone.type
  `);
  // Moved and not copied: a mark that is taken back does not return with the next key.
  await tx.execute(sql`
    update models as gone set is_favorite = false
    where not gone.is_available and gone.is_favorite and gone.hash <> '' and exists (
      select from models as here
      where here.is_available and here.hash = gone.hash and here.type = gone.type
    )
  `);
}
