import { isObject } from "./json-object";
import { plainText } from "./plain-text";

/** What a file says it was made with; an absent field is unknown. Checked: it may be stored as it is. */
export type RecordedGeneration = {
  prompt?: string;
  negativePrompt?: string;
  /** InvokeAI's own, where InvokeAI made the picture. */
  modelKey?: string;
  modelHash?: string;
  modelName?: string;
  seed?: number;
  steps?: number;
  cfgScale?: number;
  /** In InvokeAI's spelling, where it has the same one; else as the file has it. */
  scheduler?: string;
  width?: number;
  height?: number;
  /** How far from its source a picture was to go, 0 to 1. */
  strength?: number;
  vaeKey?: string;
  t5EncoderKey?: string;
  clipEmbedKey?: string;
  /** Layers left out, as InvokeAI counts them. */
  clipSkip?: number;
  /** Of FLUX. */
  guidance?: number;
  loras?: RecordedLora[];
};

type RecordedLora = { modelKey?: string; name?: string; weight: number };

/** The same as some program wrote it: nothing is known of any value. */
export type SaidGeneration = Readonly<{ [Field in keyof RecordedGeneration]?: unknown }>;

const maxPromptLength = 10_000;
const maxNameLength = 200;
const maxLoras = 20;
const maxLoraWeight = 10;

/**
 * Keeps of what a file says what can be true, within the bounds of a request for a generation; but seeds up to
 * 2⁵³ − 1, as other programs draw from more than 2³². A prompt that is longer is cut, another value
 * out of bounds is left out. undefined when nothing is left.
 */
export function boundGeneration(said: SaidGeneration): RecordedGeneration | undefined {
  const kept = withoutUnknown({
    prompt: plainText(said.prompt, maxPromptLength),
    negativePrompt: plainText(said.negativePrompt, maxPromptLength),
    modelKey: plainText(said.modelKey, maxNameLength),
    modelHash: plainText(said.modelHash, maxNameLength),
    modelName: plainText(said.modelName, maxNameLength),
    seed: whole(said.seed, 0, Number.MAX_SAFE_INTEGER),
    steps: whole(said.steps, 1, 500),
    cfgScale: amount(said.cfgScale, 0, 200),
    scheduler: plainText(said.scheduler, maxNameLength),
    width: whole(said.width, 1, 30_000),
    height: whole(said.height, 1, 30_000),
    strength: amount(said.strength, 0, 1),
    vaeKey: plainText(said.vaeKey, maxNameLength),
    t5EncoderKey: plainText(said.t5EncoderKey, maxNameLength),
    clipEmbedKey: plainText(said.clipEmbedKey, maxNameLength),
    clipSkip: whole(said.clipSkip, 0, 24),
    guidance: amount(said.guidance, 0, 100),
    loras: boundLoras(said.loras),
  });
  return Object.keys(kept).length === 0 ? undefined : kept;
}

function boundLoras(said: unknown): RecordedLora[] | undefined {
  if (!Array.isArray(said)) return undefined;
  const loras = said.slice(0, maxLoras).flatMap((lora: unknown): RecordedLora[] => {
    if (!isObject(lora)) return [];
    const modelKey = plainText(lora["modelKey"], maxNameLength);
    const name = plainText(lora["name"], maxNameLength);
    const weight = amount(lora["weight"], -maxLoraWeight, maxLoraWeight);
    if ((modelKey ?? name) === undefined || weight === undefined) return [];
    return [{ ...withoutUnknown({ modelKey, name }), weight }];
  });
  return loras.length === 0 ? undefined : loras;
}

function amount(value: unknown, min: number, max: number): number | undefined {
  return typeof value === "number" && value >= min && value <= max ? value : undefined;
}

function whole(value: unknown, min: number, max: number): number | undefined {
  return Number.isInteger(value) ? amount(value, min, max) : undefined;
}

type Known<T> = { [Field in keyof T]?: Exclude<T[Field], undefined> };

function withoutUnknown<T extends object>(fields: T): Known<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Known<T>;
}
