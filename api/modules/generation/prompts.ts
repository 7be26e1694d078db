import type { Tx } from "#db/client";
import type { NewSlot } from "#db/queries/generation/step-requests";
import type { Model } from "#db/schema/models";
import type { StepParameters } from "#db/schema/steps";
import type { FieldFault } from "#errors";
import { maxPromptLength } from "#generation-parameters";
import { type Entries, expandTemplate } from "../wordlists/expand";
import { readLists } from "../wordlists/read-lists";
import { listsOf, parseTemplate, type Template } from "../wordlists/template";

type Texts = { prompt: string; negativePrompt: string | null; expand: boolean };

/** The slots of a step, one a seed, with their final prompts if the step is expanded. Valid only if `faults` is empty. */
export async function planSlots(
  tx: Tx,
  params: { texts: Texts; seeds: number[]; model: Model; parameters: StepParameters },
): Promise<{ slots: NewSlot[]; faults: FieldFault[] }> {
  const { texts, seeds } = params;
  const faults = promptFaults(params);
  if (!texts.expand || faults.length > 0) return { slots: seeds.map((seed) => ({ seed })), faults };
  const prompt = await readTemplate(tx, texts.prompt);
  const negative = await readTemplate(tx, texts.negativePrompt ?? "");
  if ("fault" in prompt) faults.push({ path: "prompt", message: prompt.fault });
  if ("fault" in negative) faults.push({ path: "negative_prompt", message: negative.fault });
  if ("fault" in prompt || "fault" in negative) return { slots: [], faults };

  const expand = (path: string, { template, lists }: Readable, seed: number): string => {
    const made = expandTemplate(template, lists, seed);
    const fault = "fault" in made ? made.fault : undefined;
    const message =
      fault ?? ("text" in made && path === "prompt" && made.text.trim() === "" ? "is empty" : null);
    // One is enough: the others have the same cause.
    if (message !== null && !faults.some((other) => other.path === path)) {
      faults.push({ path, message: `expanded with seed ${seed}, it ${message}` });
    }
    return "text" in made ? made.text : "";
  };
  const slots = seeds.map((seed) => ({
    seed,
    prompt: expand("prompt", prompt, seed),
    negativePrompt:
      texts.negativePrompt === null ? null : expand("negative_prompt", negative, seed),
  }));
  return { slots, faults };
}

type Readable = { template: Template; lists: Entries };

async function readTemplate(tx: Tx, text: string): Promise<Readable | { fault: string }> {
  const parsed = parseTemplate(text);
  if ("fault" in parsed) return parsed;
  const read = await readLists(tx, listsOf(parsed.template));
  return "fault" in read ? read : { ...parsed, ...read };
}

function promptFaults(params: {
  texts: Texts;
  model: Model;
  parameters: StepParameters;
}): FieldFault[] {
  const { prompt, negativePrompt } = params.texts;
  const { accepts, base } = params.model;
  const faults: FieldFault[] = [];
  const isTooLong = (text: string) => Array.from(text).length > maxPromptLength;
  if (prompt.trim() === "" || isTooLong(prompt)) {
    faults.push({ path: "prompt", message: `1 to ${maxPromptLength} characters` });
  }
  if (negativePrompt !== null && isTooLong(negativePrompt)) {
    faults.push({ path: "negative_prompt", message: `at most ${maxPromptLength} characters` });
  }
  if (negativePrompt && !accepts?.negativePrompt) {
    faults.push({ path: "negative_prompt", message: "not supported by this model" });
  } else if (negativePrompt && accepts?.negativeNeedsCfg && params.parameters.cfgScale <= 1) {
    const message = `without effect for ${base} unless cfg_scale is above 1`;
    faults.push({ path: "negative_prompt", message });
  }
  return faults;
}
