import type { Tx } from "#db/client";
import { listModelsOf, resolveModels } from "#db/queries/models/model-lookup";
import type { Model } from "#db/schema/models";
import type { RequestedParameters } from "./parameters";

/** Known models, and a function that replaces outdated model keys with InvokeAI's current ones. */
type NamedModels = {
  models: Model[];
  withCurrentKeys: <Fields extends Partial<RequestedParameters>>(parameters: Fields) => Fields;
};

/**
 * The models that a request names, the main model's default VAE, and candidates for the components it needs. The
 * request's keys may come from another server or an earlier installation.
 */
export async function readNamedModels(
  tx: Tx,
  requested: RequestedParameters,
): Promise<NamedModels> {
  const { modelKey, modelHash, vaeKey, loras } = requested;
  const found = await resolveModels(tx, [
    { key: modelKey, hash: modelHash },
    ...(vaeKey === undefined ? [] : [{ key: vaeKey }]),
    ...(loras ?? []).map((lora) => ({ key: lora.modelKey })),
  ]);
  const currentKey = (key: string) => found.get(key)?.key ?? key;
  const main = found.get(modelKey);
  const defaultVae = main?.defaults?.vaeKey;
  const defaultVaes = await resolveModels(
    tx,
    defaultVae === undefined ? [] : [{ key: defaultVae }],
  );
  return {
    models: [
      ...found.values(),
      ...defaultVaes.values(),
      ...(await listModelsOf(tx, main?.accepts?.needs ?? [])),
    ],
    withCurrentKeys: (parameters) => ({
      ...parameters,
      ...(parameters.modelKey !== undefined && { modelKey: currentKey(parameters.modelKey) }),
      ...(parameters.vaeKey !== undefined && { vaeKey: currentKey(parameters.vaeKey) }),
      ...(parameters.loras && {
        loras: parameters.loras.map((lora) => ({ ...lora, modelKey: currentKey(lora.modelKey) })),
      }),
    }),
  };
}
