import { and, eq, inArray, or } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type Model, models } from "../../schema/models";
import { isAvailableAt, modelColumns } from "./availability";

/** A recorded reference to a model: its key, which another InvokeAI may not know, and the hash of its weights. */
export type NamedModel = { key: string; hash?: string | undefined };

/**
 * The models of a place, by default of the one in force, for these references, by the recorded key: the model with that
 * key, else one with the same hash, as another server or a new installation assigns new keys. A model that is not
 * available there is in the map as last seen; one that was never seen is missing from it.
 */
export async function resolveModels(
  db: Db | Tx,
  named: readonly NamedModel[],
  place?: string,
): Promise<Map<string, Model>> {
  const found = new Map<string, Model>();
  if (named.length === 0) return found;
  const keys = named.map(({ key }) => key);
  for (const model of await db
    .select(modelColumns(place))
    .from(models)
    .where(inArray(models.key, keys))) {
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
    .select(modelColumns(place))
    .from(models)
    .where(and(inArray(models.hash, hashes), isAvailableAt(place)))
    .orderBy(models.name, models.key);
  for (const { key, hash, type } of lost) {
    const model = sameWeights.find(
      (candidate) => candidate.hash === hash && (type ?? candidate.type) === candidate.type,
    );
    if (model) found.set(key, model);
  }
  return found;
}

/** The available models of these types and bases, by name. */
export async function listModelsOf(
  db: Db | Tx,
  kinds: readonly Pick<Model, "type" | "base">[],
): Promise<Model[]> {
  if (kinds.length === 0) return [];
  const isOneOf = kinds.map(({ type, base }) => and(eq(models.type, type), eq(models.base, base)));
  return db
    .select(modelColumns())
    .from(models)
    .where(and(or(...isOneOf), isAvailableAt()))
    .orderBy(models.name, models.key);
}
