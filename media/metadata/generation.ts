import {
  companions,
  type CompanionKeys,
  eachOption,
  maxPromptLength,
} from "#generation-parameters";
import { isObject } from "./json-object";
import { plainText } from "./plain-text";

const maxNameLength = 200;
const maxLoras = 20;
const maxLoraWeight = 10;

/** What is kept of each field. Seeds up to 2⁵³ − 1: other programs draw from more than 2³². */
const fields = {
  prompt: text(maxPromptLength),
  negativePrompt: text(maxPromptLength),
  /** InvokeAI's own, where InvokeAI made the picture. */
  modelKey: text(maxNameLength),
  modelHash: text(maxNameLength),
  modelName: text(maxNameLength),
  seed: whole(0, Number.MAX_SAFE_INTEGER),
  steps: whole(1, 500),
  cfgScale: amount(0, 200),
  /** In InvokeAI's spelling, where it has the same one; else as the file has it. */
  scheduler: text(maxNameLength),
  width: whole(1, 30_000),
  height: whole(1, 30_000),
  /** How far from its source a picture was to go, 0 to 1. */
  strength: amount(0, 1),
  vaeKey: text(maxNameLength),
  ...(Object.fromEntries(companions.map(({ field }) => [field, text(maxNameLength)])) as {
    [Name in keyof CompanionKeys]: ReturnType<typeof text>;
  }),
  loras: boundLoras,
  ...eachOption((_name, { isWhole, recorded: { min, max } }) =>
    (isWhole ? whole : amount)(min, max),
  ),
};
type Fields = typeof fields;

/** What a file says it was made with; an absent field is unknown. Checked: it may be stored as it is. */
export type RecordedGeneration = {
  [Name in keyof Fields]?: NonNullable<ReturnType<NonNullable<Fields[Name]>>>;
};

type RecordedLora = { modelKey?: string; name?: string; weight: number };

/** The same as read from a file: no value has been checked. */
export type UncheckedGeneration = Readonly<{ [Name in keyof Fields]?: unknown }>;

/**
 * Keeps the values that are plausible, within the limits of a generation request; but allows seeds up to 2⁵³ − 1,
 * because other programs use more than 2³² seeds. A prompt that is too long is cut; any other value out of bounds is
 * left out. undefined when nothing is left.
 */
export function boundGeneration(said: UncheckedGeneration): RecordedGeneration | undefined {
  const names = Object.keys(fields) as (keyof Fields)[];
  const kept: RecordedGeneration = withoutUnknown(
    Object.fromEntries(names.map((name) => [name, fields[name]?.(said[name])])),
  );
  return Object.keys(kept).length === 0 ? undefined : kept;
}

function boundLoras(said: unknown): RecordedLora[] | undefined {
  if (!Array.isArray(said)) return undefined;
  const loras = said.slice(0, maxLoras).flatMap((lora: unknown): RecordedLora[] => {
    if (!isObject(lora)) return [];
    const modelKey = plainText(lora["modelKey"], maxNameLength);
    const name = plainText(lora["name"], maxNameLength);
    const weight = amount(-maxLoraWeight, maxLoraWeight)(lora["weight"]);
    if ((modelKey ?? name) === undefined || weight === undefined) return [];
    return [{ ...withoutUnknown({ modelKey, name }), weight }];
  });
  return loras.length === 0 ? undefined : loras;
}

function text(maxLength: number) {
  return (said: unknown) => plainText(said, maxLength);
}

function amount(min: number, max: number) {
  return (said: unknown) =>
    typeof said === "number" && said >= min && said <= max ? said : undefined;
}

function whole(min: number, max: number) {
  const bounded = amount(min, max);
  return (said: unknown) => (Number.isInteger(said) ? bounded(said) : undefined);
}

type Known<T> = { [Field in keyof T]?: Exclude<T[Field], undefined> };

function withoutUnknown<T extends object>(fields: T): Known<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Known<T>;
}
