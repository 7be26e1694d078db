import type { UncheckedGeneration } from "./generation";
import { maxTextLength } from "./json-object";
import { floatIn } from "./python-float";
import { schedulerNamed } from "./schedulers";

const negativeMark = /^negative prompt:/i;
/** A longer text holds no settings: programs that write their settings stay far below. */
const maxSettingsLength = 65_536;
/** How many lines that look like settings are examined; a prompt can contain such a line. */
const maxStarts = 8;

/**
 * Parses the `parameters` text of AUTOMATIC1111's web UI, Forge and compatible programs: the prompt, the negative
 * prompt after its marker, and `Name: value` pairs that begin with `Steps`. undefined for a text without such a
 * settings line, since any comment may be stored in the same field.
 */
export function fromParametersText(text: string): UncheckedGeneration | undefined {
  if (text.length > maxTextLength) return undefined;
  const found = findSettings(text);
  if (!found) return undefined;
  const { settings } = found;
  const lines = text
    .slice(0, found.start)
    .replace(/\r?\n$/, "")
    .split("\n");
  const negativeAt = lines.findIndex((line) => negativeMark.test(line));
  const promptLines = negativeAt === -1 ? lines : lines.slice(0, negativeAt);
  const prompt = promptLines.join("\n");
  const size = /^(\d{1,5}) ?x ?(\d{1,5})$/.exec(settings.get("size") ?? "");
  const clipSkip = numberIn(settings.get("clip skip"));
  return {
    prompt,
    negativePrompt:
      negativeAt === -1 ? undefined : lines.slice(negativeAt).join("\n").replace(negativeMark, ""),
    modelHash: settings.get("model hash"),
    modelName: settings.get("model"),
    seed: numberIn(settings.get("seed")),
    steps: numberIn(settings.get("steps")),
    cfgScale: floatIn(settings.get("cfg scale")),
    scheduler: schedulerOf(settings),
    width: numberIn(size?.[1]),
    height: numberIn(size?.[2]),
    // With a second pass the value belongs to that pass, not to a source image.
    strength: hasSecondPass(settings) ? undefined : floatIn(settings.get("denoising strength")),
    // Counted from 1, which skips no layer.
    clipSkip: clipSkip === undefined ? undefined : clipSkip - 1,
    loras: listedLoras(settings.get("lora weights")) ?? lorasIn(prompt),
  };
}

function hasSecondPass(settings: Settings): boolean {
  return [...settings.keys()].some((name) => /^(?:hires|first pass)\b/.test(name));
}

function schedulerOf(settings: Settings): string | undefined {
  const sampler = settings.get("sampler");
  if (sampler === undefined) return undefined;
  const schedule = settings.get("schedule type");
  return schedulerNamed(sampler, schedule) ?? [sampler, schedule].filter(Boolean).join(" ");
}

/** By name in lower case: programs differ in case. */
type Settings = ReadonlyMap<string, string>;
type Found = Readonly<{ start: number; end: number; settings: Settings }>;

/** The last line that looks like settings and is not part of a quoted value of earlier settings. */
function findSettings(text: string): Found | undefined {
  const starts = [...text.matchAll(/^steps:\s*\d/gim)].slice(-maxStarts).map(({ index }) => index);
  let found: Found | undefined;
  for (const start of starts) {
    if (found && start < found.end) continue;
    found = readSettings(text, start);
  }
  return found;
}

/**
 * Parses `Name: value, Name: "quoted, value", …` in one pass; the first of equal names counts. `end` is the end of the
 * last quoted value.
 */
function readSettings(text: string, start: number): Found {
  const settings = new Map<string, string>();
  const line = text.slice(start, start + maxSettingsLength);
  let end = 0;
  let at = 0;
  while (at < line.length) {
    const colon = line.indexOf(":", at);
    if (colon === -1) break;
    const name = line.slice(at, colon).trim().toLowerCase();
    const quoted = quotedAt(line, colon + 1);
    const stop = quoted?.end ?? endOfPlain(line, colon + 1);
    if (quoted) end = stop;
    const value = quoted?.value ?? line.slice(colon + 1, stop).trim();
    if (!settings.has(name)) settings.set(name, value);
    at = stop + 1;
  }
  return { start, end: start + end, settings };
}

function endOfPlain(line: string, start: number): number {
  afterPlain.lastIndex = start;
  return afterPlain.exec(line)?.index ?? line.length;
}

const afterPlain = /[,\n]/g;
// Sticky, with mutually exclusive alternatives, so that matching takes linear time.
const quote = /[ \t]*("(?:[^"\\]|\\[^])*")[ \t]*(?=[,\r\n]|$)/y;

/** A value with a comma, a colon or a line break is written as a JSON string. */
function quotedAt(line: string, start: number): { value: string; end: number } | undefined {
  quote.lastIndex = start;
  const [whole, quoted] = quote.exec(line) ?? [];
  if (whole === undefined || quoted === undefined) return undefined;
  return { value: unquoted(quoted), end: start + whole.length };
}

function unquoted(quoted: string): string {
  // Some programs leave line breaks and tabs unescaped, which JSON forbids.
  // oxlint-disable-next-line no-control-regex
  const json = quoted.replace(/[\u0000-\u001f]/g, (control) =>
    JSON.stringify(control).slice(1, -1),
  );
  try {
    return String(JSON.parse(json));
  } catch {
    return quoted.slice(1, -1);
  }
}

function numberIn(text: string | undefined): number | undefined {
  return text !== undefined && /^-?\d{1,20}(?:\.\d{1,20})?$/.test(text) ? Number(text) : undefined;
}

type Lora = { name: string | undefined; weight: number | undefined };

/** `<lora:name:weight>`, also with a second weight for the text encoder, which InvokeAI does not support. */
export function lorasIn(prompt: string): Lora[] {
  const tags = prompt.matchAll(/<(?:lora|lyco):([^<>:]{1,200})(?::([^<>]{0,200}))?>/g);
  return [...tags].map(([, name, rest]) => ({ name: name?.trim(), weight: weightIn(rest) }));
}

/** Fooocus' format: `name: weight, name: weight`. */
function listedLoras(text: string | undefined): Lora[] | undefined {
  return text?.split(", ").map((entry) => {
    const [name, weight] = entry.split(": ");
    return { name, weight: floatIn(weight) };
  });
}

function weightIn(text: string | undefined): number | undefined {
  const parts = text?.split(":") ?? [];
  const named = (name: string) => parts.find((part) => part.startsWith(name))?.slice(name.length);
  const weight = parts.find((part) => !part.includes("=")) ?? named("unet=") ?? named("te=");
  return weight === undefined ? 1 : floatIn(weight);
}
