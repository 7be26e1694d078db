import type { Model, NeededModel } from "#db/schema/models";

const words: Record<NeededModel["type"], string> = {
  t5_encoder: "a T5 text encoder",
  clip_embed: "a CLIP text encoder (CLIP-L)",
  vae: "a VAE",
};

/**
 * For each model that must stand beside a main one the first of `models` that can; those that are missing in words
 * for a person.
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
        // Earlier versions of InvokeAI do not tell kinds apart.
        (variant === undefined || model.variant === null || model.variant === variant),
    );
    if (fit) picked[type] = fit.key;
    else missing.push(base === "any" ? words[type] : `${words[type]} for ${base}`);
  }
  return { picked, missing };
}
