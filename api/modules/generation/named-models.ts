import type { Tx } from "#db/client";
import { getPlaceInForce } from "#db/queries/backends/in-force";
import { listModelsOf, resolveModels } from "#db/queries/models/model-lookup";
import type { Model } from "#db/schema/models";
import { readersFor } from "#generation-references";
import type { RequestedParameters } from "./parameters";

/** Known models, and a function that replaces outdated model keys with InvokeAI's current ones. */
type NamedModels = {
  /** Of the InvokeAI in force; null: unknown. */
  apiVersion: string | null;
  models: Model[];
  withCurrentKeys: <Fields extends Partial<RequestedParameters>>(parameters: Fields) => Fields;
};

/**
 * The models that a request names, the main model's default VAE, and candidates for the models it needs beside it. The
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
    apiVersion: (await getPlaceInForce(tx)).apiVersion,
    models: [
      ...found.values(),
      ...defaultVaes.values(),
      ...(await listModelsOf(tx, neededKinds(main ? [main] : []))),
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

/** Types and bases of the models that may carry references of a main model, and of those that they need beside them. */
export function referenceKinds({ accepts }: Model): { type: string; base: string }[] {
  const adapters = (accepts?.references ?? []).flatMap((one) => one.adapters);
  const readers = readersFor(adapters.map(({ type }) => type));
  return kindsOf([...adapters, ...readers]);
}

/** Types and bases of the models that main models may need beside them. */
export function neededKinds(mains: readonly Model[]): { type: string; base: string }[] {
  return kindsOf(mains.flatMap(({ accepts }) => accepts?.companions ?? []).flat());
}

function kindsOf(needs: readonly { type: string; bases: string[] }[]) {
  const kinds = needs.flatMap(({ type, bases }) => bases.map((base) => ({ type, base })));
  return [...new Map(kinds.map((kind) => [`${kind.type} ${kind.base}`, kind])).values()];
}
