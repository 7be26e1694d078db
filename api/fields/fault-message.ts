import { expectedLength } from "./text-length";

type Described = {
  type?: string;
  format?: string;
  const?: string | number | boolean;
  anyOf?: Described[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  multipleOf?: number;
};

const formats: Record<string, string> = {
  uuid: "a UUID",
  "date-time": "a moment such as 2030-01-31T12:00:00Z",
};

const kinds: Record<string, string> = {
  boolean: "true or false",
  null: "null",
  string: "a text",
  array: "a list",
  object: "an object",
};

/** Describes the value that a schema expects, such as `an integer from 1 to 100`; undefined for schemas it cannot describe. */
function expectedOf(schema: unknown): string | undefined {
  const { anyOf, ...own } = (schema ?? {}) as Described;
  const length = expectedLength(schema);
  if (length !== undefined) return length;
  if (anyOf !== undefined) return expectedOfAny(anyOf);
  if (own.const !== undefined) return String(own.const);
  if (own.type === "integer" || own.type === "number") return expectedNumber(own);
  if (own.type === "string") return formats[own.format ?? ""];
  return own.type === "boolean" || own.type === "null" ? kinds[own.type] : undefined;
}

function expectedOfAny(anyOf: Described[]): string {
  if (anyOf.every((one) => one.const !== undefined)) {
    return `one of ${anyOf.map((one) => String(one.const)).join(", ")}`;
  }
  const each = anyOf.map((one) => expectedOf(one) ?? kinds[one.type ?? ""] ?? "another value");
  return [...new Set(each)].join(" or ");
}

function expectedNumber(schema: Described): string {
  const what = schema.type === "integer" ? "an integer" : "a number";
  const { minimum, maximum, exclusiveMinimum: above, multipleOf: step } = schema;
  const multiple = step === undefined ? "" : `, a multiple of ${step}`;
  if (above !== undefined) {
    const upTo = maximum === undefined ? "" : `, up to ${maximum}`;
    return `${what} above ${above}${upTo}${multiple}`;
  }
  if (minimum !== undefined && maximum !== undefined) {
    return `${what} from ${minimum} to ${maximum}${multiple}`;
  }
  if (minimum !== undefined) return `${what} of at least ${minimum}${multiple}`;
  return maximum === undefined ? `${what}${multiple}` : `${what} of at most ${maximum}${multiple}`;
}

/** The message for a value that a schema refused. */
export function faultMessage(fault: {
  message?: unknown;
  schema?: unknown;
  value?: unknown;
}): string {
  if ("value" in fault && fault.value === undefined) return "Required, and missing";
  const expected = expectedOf(fault.schema);
  return expected === undefined ? String(fault.message) : `Expected ${expected}`;
}
