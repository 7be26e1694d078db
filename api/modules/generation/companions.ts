import type { Model, NeededModel } from "#db/schema/models";

const typeNames: Record<NeededModel["type"], string> = {
  t5_encoder: "a T5 text encoder",
  clip_embed: "a CLIP text encoder (CLIP-L)",
  vae: "a VAE",
};

/**
 * Picks the first available model for each component that a main model needs, such as a text encoder. `missing`
 * describes the components that were not found, for an error message.
 */
export function pickCompanions(
  needs: readonly NeededModel[],
  models: readonly Model[],
): { picked: Partial<Record<NeededModel["type"], string>>; missing: string[] } {
  const picked: Partial<Record<NeededModel["type"], string>> = {};
  const missing: string[] = [];
  for (const { type, base, variant } of needs) {
    const fit = models.find(
      (model) =>
        model.isAvailable &&
        model.type === type &&
        model.base === base &&
        // Earlier versions of InvokeAI report no variant.
        (variant === undefined || model.variant === null || model.variant === variant),
    );
    if (fit) picked[type] = fit.key;
    else missing.push(base === "any" ? typeNames[type] : `${typeNames[type]} for ${base}`);
  }
  return { picked, missing };
}
