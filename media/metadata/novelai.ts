import { schedulerOf } from "./flat-record";
import type { UncheckedGeneration } from "./generation";
import { isObject, type JsonObject, parseObject } from "./json-object";

/** Requests that start from a picture; in all others the strength has no meaning. */
const fromPicture = /img2img|inpaint|infill/i;
const maxCharacters = 20;

/**
 * Parses NovelAI's `Comment`; `beside` are the file's other texts. Since version 4 there is a prompt for the picture
 * and one for each character. undefined for comments of other programs.
 */
export function fromNovelAi(
  record: JsonObject,
  beside: Readonly<{ description?: unknown; source?: unknown }> = {},
): UncheckedGeneration | undefined {
  // In WebP one object holds all texts.
  if (typeof record["Comment"] === "string" && record["Software"] === "NovelAI") {
    const comment = parseObject(record["Comment"]);
    const { Description: description, Source: source } = record;
    return comment && fromNovelAi(comment, { description, source });
  }
  const { uc, sampler, noise_schedule: schedule, request_type: request } = record;
  if (uc === undefined && record["v4_prompt"] === undefined) return undefined;
  if (record["scale"] === undefined || typeof sampler !== "string") return undefined;
  const isFromPicture = typeof request === "string" && fromPicture.test(request);
  return {
    prompt: captionOf(record["v4_prompt"]) ?? record["prompt"] ?? beside.description,
    negativePrompt: captionOf(record["v4_negative_prompt"]) ?? uc,
    modelName: beside.source,
    seed: record["seed"],
    steps: record["steps"],
    cfgScale: record["scale"],
    scheduler: schedulerOf(
      sampler.replace(/^k_/, ""),
      typeof schedule === "string" && schedule !== "native" ? schedule : undefined,
    ),
    width: record["width"],
    height: record["height"],
    strength: isFromPicture ? record["strength"] : undefined,
  };
}

function captionOf(prompt: unknown): string | undefined {
  const caption = isObject(prompt) ? prompt["caption"] : undefined;
  if (!isObject(caption)) return undefined;
  const { base_caption: base, char_captions: characters } = caption;
  const listed = Array.isArray(characters) ? characters.slice(0, maxCharacters) : [];
  const texts = [base, ...listed.map((entry) => isObject(entry) && entry["char_caption"])];
  const said = texts.filter(
    (text): text is string => typeof text === "string" && text.trim() !== "",
  );
  return said.length === 0 ? undefined : said.join(", ");
}
