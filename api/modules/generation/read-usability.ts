import type { Db, Tx } from "#db/client";
import { getPlaceInForce } from "#db/queries/backends/in-force";
import { listModelsOf } from "#db/queries/models/model-lookup";
import type { Model } from "#db/schema/models";
import { neededKinds } from "./named-models";
import { type Usability, usabilityOf } from "./usability";

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
