import type { Db } from "#db/client";
import { listAvailableModels } from "#db/queries/models/available-models";
import { fitOf } from "#generation-parameters";
import { readerOf } from "#generation-references";
import { identify, type RecordedGraph } from "../adapters/invokeai/graphs/index";
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

/**
 * Whether a place has the image encoders that a recorded graph needs.
 * @param models as `resolveRecordedModels` found them
 */
export async function hasReaders(
  db: Db,
  { readers }: RecordedGraph,
  models: ReadonlyMap<string, ModelIdentifier>,
  place: string,
): Promise<boolean> {
  if (readers.length === 0) return true;
  const types = new Set(["ip_adapter", ...readers.map(({ need }) => need.type)]);
  const available = await listAvailableModels(db, [...types], place);
  return readers.every(({ need, adapterKey }) => {
    const key = adapterKey === undefined ? undefined : models.get(adapterKey)?.key;
    const adapter = available.find((model) => model.key === key);
    const wanted = (adapter?.imageEncoder != null && readerOf(adapter)) || need;
    return available.some((model) => fitOf(wanted, model) !== undefined);
  });
}
