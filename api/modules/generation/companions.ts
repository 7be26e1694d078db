import type { Model } from "#db/schema/models";
import {
  type CompanionKeys,
  type CompanionName,
  companions,
  fitOf,
  type NeededModel,
} from "#generation-parameters";

type Picked = { [Part in CompanionName | "vae"]?: string };

/**
 * Picks the models that a main model needs beside it, from the first alternative that is available as a whole. `missing` is
 * what to install if none is.
 * @param needed alternatives; none: it needs nothing
 * @param models candidates, in the order in which equally good ones are preferred
 */
export function pickCompanions(
  needed: readonly (readonly NeededModel[])[],
  models: readonly Model[],
  chosen: { hasVae: boolean } = { hasVae: false },
): { picked: Picked; missing: NeededModel[] } {
  if (needed.length === 0) return { picked: {}, missing: [] };
  const attempts = needed.map((alternative) => {
    const open = alternative.filter(({ part }) => part !== "vae" || !chosen.hasVae);
    const found = open.map((need) => [need, bestOf(need, models)] as const);
    return {
      needs: alternative,
      missing: found.filter(([, model]) => model === undefined).map(([need]) => need),
      picked: Object.fromEntries(
        found.flatMap(([{ part }, model]) => (model === undefined ? [] : [[part, model.key]])),
      ) as Picked,
    };
  });
  const complete = attempts.find(({ missing }) => missing.length === 0);
  if (complete) return { picked: complete.picked, missing: [] };
  // Parts are smaller than the folder that holds them all.
  const parts = attempts.find(({ needs }) => needs.every(({ type }) => type !== "main"));
  return { picked: {}, missing: (parts ?? attempts[0]!).missing };
}

/** The picked companions by the fields of a step's parameters, without the VAE. */
export function pickedKeys(picked: Picked): CompanionKeys {
  return Object.fromEntries(
    companions.flatMap(({ name, field }) =>
      picked[name] === undefined ? [] : [[field, picked[name]]],
    ),
  );
}

/** What to install, as the end of a sentence: "a VAE for flux2 and a Qwen3 4B text encoder, or … ". */
export function describeMissing(
  missing: readonly NeededModel[],
  needed: readonly (readonly NeededModel[])[],
): string {
  const listed = new Intl.ListFormat("en", { type: "conjunction" });
  const folders = needed.filter((alternative) => alternative.every(({ type }) => type === "main"));
  return [
    listed.format(missing.map(({ title }) => title)),
    ...folders.map((alternative) => alternative.map(({ title }) => title).join("")),
  ].join(", or ");
}

function bestOf(need: NeededModel, models: readonly Model[]): Model | undefined {
  let best: { model: Model; fit: number } | undefined;
  for (const model of models) {
    const fit = model.isAvailable ? fitOf(need, model) : undefined;
    if (fit !== undefined && (best === undefined || fit < best.fit)) best = { model, fit };
  }
  return best?.model;
}
