import type { Model } from "#db/schema/models";
import { fitOf } from "#generation-parameters";
import {
  type AcceptedReference,
  type AdapterNeed,
  type Preprocessor,
  readerOf,
} from "#generation-references";

/** The model that carries a reference, and the one that reads the picture for it. */
export type PickedAdapter = { adapter: Model; reader: Model | null };

/**
 * Picks what carries a reference: the first kind that InvokeAI has with all it needs, and of that the one whose name
 * speaks of the preprocessor, else the first by name. `missing` is what to install if there is none.
 * @param models candidates, in the order in which equally good ones are preferred
 * @param wanted.key only this one
 */
export function pickAdapter(
  { adapters }: AcceptedReference,
  models: readonly Model[],
  wanted: { key?: string | undefined; preprocessor?: Preprocessor | undefined } = {},
): PickedAdapter | { missing: AdapterNeed[] } {
  const fitting = adapters.flatMap((need) =>
    models.filter(
      (model) =>
        model.isAvailable &&
        fitOf(need, model) !== undefined &&
        (wanted.key === undefined || model.key === wanted.key),
    ),
  );
  const speaking = fitting.filter(({ name }) => isFor(name, wanted.preprocessor));
  let lacking: AdapterNeed | undefined;
  for (const adapter of [...speaking, ...fitting]) {
    const need = readerOf(adapter);
    const reader = need && models.find((model) => model.isAvailable && fitOf(need, model) === 0);
    if (!need || reader) return { adapter, reader: reader ?? null };
    lacking ??= need;
  }
  if (lacking) return { missing: [lacking] };
  const first = adapters[0]!;
  const need = readerOf({ type: first.type, base: first.bases[0]!, name: "" });
  const hasReader = need && models.some((model) => model.isAvailable && fitOf(need, model) === 0);
  return { missing: [first, ...(need && !hasReader ? [need] : [])] };
}

/** Whether a model's name says that it takes such maps. */
function isFor(name: string, preprocessor: Preprocessor | undefined): boolean {
  if (preprocessor === undefined) return false;
  const word = preprocessor === "pose" ? "pose" : preprocessor.split("_")[0]!;
  return name.toLowerCase().includes(word);
}
