import { and, eq, notInArray, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { backends } from "../../schema/backends";
import { modelPlaces, type ModelRow, models } from "../../schema/models";

export type SeenModel = Omit<ModelRow, "isFavorite" | "lastUsedAt">;

/**
 * Stores the models that a place's InvokeAI listed; one that is not listed stays, as unavailable at this place only. When `digest` equals that of the
 * last sync, only the time is written. False, without effect, when another sync finished since `found` was read: its list
 * may be newer.
 */
export async function syncModels(
  db: Db,
  params: { backend: string; seen: SeenModel[]; digest: string; found: Date | null; now: Date },
): Promise<boolean> {
  const { backend, seen, digest, found, now } = params;
  return db.transaction(async (tx) => {
    await tx.insert(backends).values({ ref: backend }).onConflictDoNothing();
    const list = tx
      .select({ ref: backends.modelList })
      .from(backends)
      .where(eq(backends.ref, backend));
    const [before] = await tx
      .select({ place: backends.ref, at: backends.modelsSyncedAt, digest: backends.modelsDigest })
      .from(backends)
      .where(eq(backends.ref, list))
      .for("update");
    if (!before) throw new Error(`no row for the models of ${backend}`);
    const { place } = before;
    if (before.at?.getTime() !== found?.getTime()) return false;
    await tx
      .update(backends)
      .set({ modelsSyncedAt: now, modelsDigest: digest })
      .where(eq(backends.ref, place));
    if (before.digest === digest) return true;
    const keys = seen.map((model) => model.key);
    await tx
      .delete(modelPlaces)
      .where(
        and(
          eq(modelPlaces.place, place),
          keys.length > 0 ? notInArray(modelPlaces.key, keys) : undefined,
        ),
      );
    if (seen.length === 0) return true;
    await tx
      .insert(models)
      .values(seen)
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
          imageEncoder: sql`excluded.image_encoder`,
          defaults: sql`excluded.defaults`,
          accepts: sql`excluded.accepts`,
        },
      });
    await tx
      .insert(modelPlaces)
      .values(keys.map((key) => ({ place, key })))
      .onConflictDoNothing();
    await carryMarks(tx);
    return true;
  });
}

const isHere = sql`exists (select from model_places where key = here.key)`;
/** No place has it. */
const isGone = sql`not exists (select from model_places where key = models.key)`;

/** A reinstalled model has another key and the same hash: it inherits favourite and last use. */
async function carryMarks(tx: Tx): Promise<void> {
  await tx.execute(sql`
    update models as here
    set is_favorite = here.is_favorite or gone.is_favorite,
      last_used_at = greatest(here.last_used_at, gone.last_used_at)
    from (
      select hash, type, bool_or(is_favorite) as is_favorite, max(last_used_at) as last_used_at
      from models where ${isGone} and hash <> '' group by hash, type
    ) as gone
    where ${isHere} and here.hash = gone.hash and here.type = gone.type
  `);
  // Moved, not copied: otherwise a favourite that the owner removes would return with the next reinstallation.
  await tx.execute(sql`
    update models set is_favorite = false
    where ${isGone} and is_favorite and hash <> '' and exists (
      select from models as here
      where ${isHere} and here.hash = models.hash and here.type = models.type
    )
  `);
}
