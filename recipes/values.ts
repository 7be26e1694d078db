import { maxPromptLength } from "#generation-parameters";
import type { NodeField } from "./catalogue";
import type { Json, RecipeInput } from "./recipe";

const maxTextLength = 20_000;
/** Of a picture that InvokeAI is to draw. */
const maxSide = 8_192;
const maxListLength = 1_000;
const maxSeed = 2 ** 32 - 1;

/** What is wrong with a workflow's own value, in words that follow "has"; undefined: nothing. */
export function literalFault(field: NodeField, value: Json): string | undefined {
  switch (field.kind) {
    case "model":
    case "image":
      // Of another server: an input takes their place.
      return undefined;
    case "images":
      return isEmptyList(value)
        ? undefined
        : "a list of images of another server; connect image nodes to a collect node instead";
    case "color":
    case "other":
      if (namesImage(value)) {
        return "the name of an image of another server; use an image node instead";
      }
      return holdsTooMuch(value) ? "a text or a list that is too long" : undefined;
    case "string":
    case "integer":
    case "number":
    case "boolean":
    case "choice":
      return scalarFault(field, value);
  }
}

type Bounded = Pick<RecipeInput, "min" | "max" | "above" | "below" | "multipleOf" | "choices"> & {
  kind: NodeField["kind"];
};

/** What is wrong with a plain value; undefined: nothing. */
function scalarFault(field: Bounded, value: Json): string | undefined {
  switch (field.kind) {
    case "string":
      if (typeof value !== "string") return "something else than a text";
      return value.length > maxTextLength ? `more than ${maxTextLength} characters` : undefined;
    case "boolean":
      return typeof value === "boolean" ? undefined : "something else than true or false";
    case "choice":
      return field.choices?.includes(value as string | number)
        ? undefined
        : `a choice that InvokeAI does not know; it knows ${field.choices?.slice(0, 40).join(", ")}`;
    default:
      return numberFault(field, value);
  }
}

function numberFault(field: Bounded, value: Json): string | undefined {
  if (typeof value !== "number" || !Number.isFinite(value)) return "something else than a number";
  if (field.kind === "integer" && !Number.isSafeInteger(value))
    return "something else than a whole number";
  return isWithin(field, value) ? undefined : `a number outside of its range: ${rangeOf(field)}`;
}

function isWithin(bounds: Bounded, value: number): boolean {
  const { min, max, above, below, multipleOf } = bounds;
  if (min !== undefined && value < min) return false;
  if (max !== undefined && value > max) return false;
  if (above !== undefined && value <= above) return false;
  if (below !== undefined && value >= below) return false;
  return multipleOf === undefined || value % multipleOf === 0;
}

/** The range in words, such as "from 0 to 1". */
function rangeOf({ min, max, above, below, multipleOf }: Bounded): string {
  return [
    ...(min === undefined ? [] : [`at least ${min}`]),
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(max === undefined ? [] : [`at most ${max}`]),
    ...(below === undefined ? [] : [`below ${below}`]),
    ...(multipleOf === undefined ? [] : [`a multiple of ${multipleOf}`]),
  ].join(", ");
}

/** Whether a value names an image anywhere. */
function namesImage(value: Json): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (Array.isArray(value)) return value.some(namesImage);
  return Object.entries(value).some(([key, inner]) => key === "image_name" || namesImage(inner));
}

function holdsTooMuch(value: Json): boolean {
  if (typeof value === "string") return value.length > maxTextLength;
  if (typeof value !== "object" || value === null) return false;
  const inner = Array.isArray(value) ? value : Object.values(value);
  return inner.length > maxListLength || inner.some(holdsTooMuch);
}

function isEmptyList(value: Json): boolean {
  return Array.isArray(value) && value.length === 0;
}

/** How many values a list may have: no step makes more images. */
export const maxListValues = 100;

/** What is wrong with a value for an input, in words that say what it has to be; undefined: nothing. */
export function inputFault(input: RecipeInput, value: Json): string | undefined {
  if (!input.list) return singleFault(input, value);
  const list = Array.isArray(value) ? value : [];
  if (list.length === 0 || list.length > maxListValues)
    return `a list of 1 to ${maxListValues} values`;
  const fault = list.map((one) => singleFault(input, one)).find((found) => found !== undefined);
  return fault && `a list in which each is ${fault}`;
}

function singleFault(input: RecipeInput, value: Json): string | undefined {
  switch (input.kind) {
    case "model":
      return typeof value === "string" && value !== "" ? undefined : "the key of a model";
    case "image":
      return typeof value === "string" && uuid.test(value) ? undefined : "the id of a photo";
    case "color":
      return isColour(value) ? undefined : "{r, g, b, a}, each a whole number from 0 to 255";
    case "choice":
      return scalarFault(input, value) && `one of ${input.choices?.join(", ")}`;
    case "string":
      if (input.role === "prompt" || input.role === "negative") {
        const isPrompt = typeof value === "string" && Array.from(value).length <= maxPromptLength;
        return isPrompt ? undefined : `a text of at most ${maxPromptLength} characters`;
      }
      return scalarFault(input, value) && `a text of at most ${maxTextLength} characters`;
    case "boolean":
      return scalarFault(input, value) && "true or false";
    case "integer":
    case "number": {
      const bounded = boundedByRole(input);
      const range = rangeOf(bounded);
      const what = input.kind === "integer" ? "a whole number" : "a number";
      return scalarFault(bounded, value) && (range === "" ? what : `${what}: ${range}`);
    }
  }
}

/** A seed is a number that a batch takes. InvokeAI itself has no upper limit for a side. */
function boundedByRole(input: RecipeInput): RecipeInput {
  if (input.role === "seed") return { ...input, min: 0, max: maxSeed };
  if (input.role !== "width" && input.role !== "height") return input;
  return { ...input, max: Math.min(input.max ?? maxSide, maxSide) };
}

const uuid = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

function isColour(value: Json): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const isByte = (part: Json | undefined) =>
    Number.isInteger(part) && (part as number) >= 0 && (part as number) <= 255;
  return (
    Object.keys(value).length === 4 && ["r", "g", "b", "a"].every((name) => isByte(value[name]))
  );
}
