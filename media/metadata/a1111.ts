import type { SaidGeneration } from "./generation";
import { maxTextLength } from "./json-object";
import { schedulerNamed } from "./schedulers";

const negativeMark = "Negative prompt:";
/** Longer ones hold no settings; programs that list what they used stay far below. */
const maxSettingsLength = 65_536;

/**
 * The `parameters` text of AUTOMATIC1111's web UI, Forge and those who write like them: lines of the prompt,
 * lines of the negative prompt behind its mark, and a line of `Name: value` pairs that begins with `Steps`.
 * undefined for a text without such a line: any comment may stand in the same place.
 */
export function fromParametersText(text: string): SaidGeneration | undefined {
  if (text.length > maxTextLength) return undefined;
  const all = text.split("\n");
  const settingsAt = all.findLastIndex((line) => line.startsWith("Steps:"));
  if (settingsAt === -1) return undefined;
  const settings = readSettings(all[settingsAt] ?? "");
  const lines = all.slice(0, settingsAt);
  const negativeAt = lines.findIndex((line) => line.startsWith(negativeMark));
  const promptLines = negativeAt === -1 ? lines : lines.slice(0, negativeAt);
  const prompt = promptLines.join("\n");
  const size = /^(\d{1,5})x(\d{1,5})$/.exec(settings.get("Size") ?? "");
  const clipSkip = numberIn(settings.get("Clip skip"));
  return {
    prompt,
    negativePrompt:
      negativeAt === -1 ? undefined : lines.slice(negativeAt).join("\n").slice(negativeMark.length),
    modelHash: settings.get("Model hash"),
    modelName: settings.get("Model"),
    seed: numberIn(settings.get("Seed")),
    steps: numberIn(settings.get("Steps")),
    cfgScale: numberIn(settings.get("CFG scale")),
    scheduler: schedulerOf(settings),
    width: numberIn(size?.[1]),
    height: numberIn(size?.[2]),
    strength: numberIn(settings.get("Denoising strength")),
    // Counted from 1, which leaves none out.
    clipSkip: clipSkip === undefined ? undefined : clipSkip - 1,
    loras: lorasIn(prompt),
  };
}

function schedulerOf(settings: ReadonlyMap<string, string>): string | undefined {
  const sampler = settings.get("Sampler");
  if (sampler === undefined) return undefined;
  const schedule = settings.get("Schedule type");
  return schedulerNamed(sampler, schedule) ?? [sampler, schedule].filter(Boolean).join(" ");
}

/** `Name: value, Name: "quoted, value", …`, read once from left to right; of equal names the first counts. */
function readSettings(line: string): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  if (line.length > maxSettingsLength) return settings;
  let at = 0;
  while (at < line.length) {
    const colon = line.indexOf(":", at);
    if (colon === -1) break;
    const name = line.slice(at, colon).trim();
    let start = colon + 1;
    while (line[start] === " ") start += 1;
    const end = line[start] === '"' ? closingQuote(line, start) : line.indexOf(",", start);
    const stop = end === -1 ? line.length : end;
    const value = line.slice(start, stop).trim();
    if (!settings.has(name)) settings.set(name, value);
    at = stop + 1;
  }
  return settings;
}

/** Where the comma stands that follows a quoted value; -1 when there is none. */
function closingQuote(line: string, open: number): number {
  let at = open + 1;
  while (at < line.length && line[at] !== '"') at += line[at] === "\\" ? 2 : 1;
  return line.indexOf(",", at);
}

function numberIn(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,20}(?:\.\d{1,20})?$/.test(text) ? Number(text) : undefined;
}

/** `<lora:name:weight>`, also with a weight for the text encoder, which InvokeAI does not tell apart. */
function lorasIn(prompt: string): { name: string | undefined; weight: number | undefined }[] {
  const tags = prompt.matchAll(/<(?:lora|lyco):([^<>:]{1,200})(?::([^<>]{0,200}))?>/g);
  return [...tags].map(([, name, rest]) => ({
    name,
    weight: rest === undefined ? 1 : numberIn(rest.split(":")[0]),
  }));
}
