import type { Db } from "#db/client";
import { listAvailableModels } from "#db/queries/models/available-models";
import { fitOf, type ModelNeed } from "#generation-parameters";
import { identify } from "../adapters/invokeai/graphs/index";
import type { ModelIdentifier } from "../adapters/invokeai/types";

/**
 * The models of a recorded graph as a place has them now, by their recorded keys: models with the same weights, even if
 * renamed.
 */
export async function resolveRecordedModels(
  db: Db,
  recorded: readonly ModelIdentifier[],
  place: string,
): Promise<ReadonlyMap<string, ModelIdentifier> | "model_gone" | "model_differs"> {
  const types = [...new Set(recorded.map(({ type }) => type))];
  const available = types.length === 0 ? [] : await listAvailableModels(db, types, place);
  const found = new Map<string, ModelIdentifier>();
  for (const model of recorded) {
    const ofType = available.filter(({ type }) => type === model.type);
    const same = ofType.filter(({ hash }) => hash === model.hash);
    const taken = same.find(({ key }) => key === model.key) ?? same[0];
    if (!taken) {
      const isLike = ofType.some(
        ({ key, name, base }) => key === model.key || (name === model.name && base === model.base),
      );
      return isLike ? "model_differs" : "model_gone";
    }
    found.set(model.key, identify(taken));
  }
  return found;
}

/** Whether a place has a model for each of these needs. */
export async function hasReaders(
  db: Db,
  needs: readonly ModelNeed[],
  place: string,
): Promise<boolean> {
  const types = [...new Set(needs.map(({ type }) => type))];
  const available = types.length === 0 ? [] : await listAvailableModels(db, types, place);
  return needs.every((need) => available.some((model) => fitOf(need, model) !== undefined));
}
