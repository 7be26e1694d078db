import type { DocumentStep } from "./format";

/** What an image of the session was made by. */
export type Maker = { step: DocumentStep; slot: DocumentStep["slots"][number] };

/** The final prompts of an image, and the templates of an expanded step. */
export function promptsOf({ step, slot }: Maker) {
  const { prompt, negative_prompt: negativePrompt } = step;
  if (step.recipe_id !== undefined) {
    // A recipe may have none.
    const own = (slot.prompt ?? prompt) || undefined;
    return { prompt: own, negativePrompt: slot.negative_prompt ?? negativePrompt };
  }
  if (!step.expand) return { prompt: slot.prompt ?? prompt, negativePrompt };
  return {
    prompt: slot.prompt ?? prompt,
    negativePrompt: slot.negative_prompt,
    promptTemplate: prompt,
    negativeTemplate: negativePrompt,
  };
}
