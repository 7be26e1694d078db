import type { Db, Tx } from "#db/client";
import { getPlaceInForce } from "#db/queries/backends/in-force";
import { listModelsOf } from "#db/queries/models/model-lookup";
import type { Model } from "#db/schema/models";
import { neededKinds, referenceKinds } from "./named-models";
import {
  type ReferenceUsability,
  referenceUsabilityOf,
  type Usability,
  usabilityOf,
} from "./usability";

/** Reads what the usability of these models depends on. A model that is no main model is not usable by itself. */
export async function readUsability(
  db: Db | Tx,
  models: readonly Model[],
): Promise<(model: Model) => Usability> {
  const { apiVersion } = await getPlaceInForce(db);
  const candidates = await listModelsOf(db, neededKinds(models));
  return (model) =>
    model.type === "main"
      ? usabilityOf(model, candidates, apiVersion)
      : { usable: false, missing: [] };
}

/** Reads which roles of references main models have, and what each role lacks. */
export async function readReferenceUsability(
  db: Db | Tx,
  models: readonly Model[],
): Promise<(model: Model) => ReferenceUsability[]> {
  const candidates = await listModelsOf(db, models.flatMap(referenceKinds));
  return (model) => referenceUsabilityOf(model, candidates);
}
