import type { Tx } from "#db/client";
import { listModelsOf, resolveModels } from "#db/queries/model-lookup";
import type { Model } from "#db/schema/models";
import type { AskedParameters } from "./parameters";

/** Models that are there, and a way to name them as InvokeAI does now. */
type NamedModels = {
  models: Model[];
  underPresentKeys: <Fields extends Partial<AskedParameters>>(parameters: Fields) => Fields;
};

/**
 * The models that a request names, whose keys may be of another server or of an earlier installation, and those it does
 * not name: the VAE set for the main one, and what could serve beside it.
 */
export async function readNamedModels(tx: Tx, asked: AskedParameters): Promise<NamedModels> {
  const { modelKey, modelHash, vaeKey, loras } = asked;
  const found = await resolveModels(tx, [
    { key: modelKey, hash: modelHash },
    ...(vaeKey === undefined ? [] : [{ key: vaeKey }]),
    ...(loras ?? []).map((lora) => ({ key: lora.modelKey })),
  ]);
  const keyNow = (key: string) => found.get(key)?.key ?? key;
  const main = found.get(modelKey);
  const usualVae = main?.defaults?.vaeKey;
  const usual = await resolveModels(tx, usualVae === undefined ? [] : [{ key: usualVae }]);
  return {
    models: [
      ...found.values(),
      ...usual.values(),
      ...(await listModelsOf(tx, main?.accepts?.needs ?? [])),
    ],
    underPresentKeys: (parameters) => ({
      ...parameters,
      ...(parameters.modelKey !== undefined && { modelKey: keyNow(parameters.modelKey) }),
      ...(parameters.vaeKey !== undefined && { vaeKey: keyNow(parameters.vaeKey) }),
      ...(parameters.loras && {
        loras: parameters.loras.map((lora) => ({ ...lora, modelKey: keyNow(lora.modelKey) })),
      }),
    }),
  };
}
