import { and, eq, inArray, or } from "drizzle-orm";
import type { Db, Tx } from "../client";
import { type Model, models } from "../schema/models";

/** A model as it was named once: by the key of some server at some time, and by what never changes. */
export type NamedModel = { key: string; hash?: string | undefined };

/**
 * The models of these names as InvokeAI has them now, by the key that named them: the one of that key, else, since
 * another server or a new installation makes up new keys, one of the same weights. A model that is
 * gone is in the map as it was last seen, one that was never seen is missing from it.
 */
export async function resolveModels(
  db: Db | Tx,
  named: readonly NamedModel[],
): Promise<Map<string, Model>> {
  const found = new Map<string, Model>();
  if (named.length === 0) return found;
  const keys = named.map(({ key }) => key);
  for (const model of await db.select().from(models).where(inArray(models.key, keys))) {
    found.set(model.key, model);
  }
  const lost = named.flatMap(({ key, hash }) => {
    const known = found.get(key);
    const weights = known?.hash ?? hash;
    return known?.isAvailable || !weights ? [] : [{ key, hash: weights, type: known?.type }];
  });
  if (lost.length === 0) return found;
  const hashes = lost.map(({ hash }) => hash);
  const sameWeights = await db
    .select()
    .from(models)
    .where(and(inArray(models.hash, hashes), eq(models.isAvailable, true)))
    .orderBy(models.name, models.key);
  for (const { key, hash, type } of lost) {
    const model = sameWeights.find(
      (candidate) => candidate.hash === hash && (type ?? candidate.type) === candidate.type,
    );
    if (model) found.set(key, model);
  }
  return found;
}

/** The models that could serve as one of these, as InvokeAI has them now, by name. */
export async function listModelsOf(
  db: Db | Tx,
  kinds: readonly Pick<Model, "type" | "base">[],
): Promise<Model[]> {
  if (kinds.length === 0) return [];
  const isOneOf = kinds.map(({ type, base }) => and(eq(models.type, type), eq(models.base, base)));
  return db
    .select()
    .from(models)
    .where(and(or(...isOneOf), eq(models.isAvailable, true)))
    .orderBy(models.name, models.key);
}
