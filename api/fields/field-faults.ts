import { Value } from "@sinclair/typebox/value";
import type { TSchema } from "@sinclair/typebox";
import type { FieldFault } from "#errors";
import { expectedForm, expectedLength } from "./text-length";

/** A value that a schema refused; `path` as in `/parameters/loras/0`. */
type SchemaFault = { path: string; message?: unknown; schema?: unknown; value?: unknown };

type Described = {
  type?: string;
  format?: string;
  const?: string | number | boolean;
  anyOf?: Described[];
  enum?: (string | number)[];
  pattern?: string;
  examples?: string[];
  minProperties?: number;
  maxProperties?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
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
  if (own.type === "string") {
    if (own.enum !== undefined) return `one of ${own.enum.join(", ")}`;
    const form = own.pattern === undefined ? kinds["string"] : `a text ${expectedForm(own)}`;
    return formats[own.format ?? ""] ?? form;
  }
  if (own.type === "array") return expectedList(own);
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

function expectedList({ minItems, maxItems, uniqueItems }: Described): string {
  const what = uniqueItems ? "different entries" : "entries";
  if (maxItems !== undefined) return `a list of ${minItems ?? 0} to ${maxItems} ${what}`;
  if (minItems !== undefined) return `a list of at least ${minItems} ${what}`;
  return uniqueItems ? `a list of ${what}` : "a list";
}

function messageOf(fault: SchemaFault): string {
  if ("value" in fault && fault.value === undefined) return "Required, and missing";
  // Of an object the schema comes also with the faults of its fields, such as an unknown one.
  const { minProperties, maxProperties } = (fault.schema ?? {}) as Described;
  switch (fault.message) {
    case "Expected object":
      return `Expected ${kinds["object"]}`;
    case `Expected object to have at least ${minProperties} properties`:
      return minProperties === 1 ? "Expected a field" : `Expected at least ${minProperties} fields`;
    case `Expected object to have no more than ${maxProperties} properties`:
      return `Expected at most ${maxProperties} fields`;
  }
  const expected = expectedOf(fault.schema);
  return expected === undefined ? String(fault.message) : `Expected ${expected}`;
}

/**
 * The faults of a value, each path once, as in `parameters.loras.0`. Where a schema allows several forms, such as an object
 * or null, they are those of the form that the value has.
 */
export function* fieldFaults(faults: Iterable<SchemaFault>): Generator<FieldFault> {
  const seen = new Set<string>();
  for (const fault of eachFault(faults)) {
    if (seen.has(fault.path)) continue;
    seen.add(fault.path);
    yield fault;
  }
}

function* eachFault(faults: Iterable<SchemaFault>): Generator<FieldFault> {
  for (const fault of faults) {
    const inner = faultsOfForm(fault);
    if (inner !== undefined) yield* eachFault(inner);
    else yield { path: dotted(fault.path), message: messageOf(fault) };
  }
}

/** undefined: the value has none of the forms, or the schema has only one. */
function faultsOfForm({ path, schema, value }: SchemaFault): Iterable<SchemaFault> | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { anyOf = [] } = (schema ?? {}) as { anyOf?: (TSchema & Described)[] };
  const type = Array.isArray(value) ? "array" : "object";
  const [form, ...others] = anyOf.filter((one) => one.type === type);
  if (form === undefined || others.length > 0) return undefined;
  return below(path, Value.Errors(form, value));
}

function* below(path: string, faults: Iterable<SchemaFault>): Generator<SchemaFault> {
  for (const fault of faults) yield { ...fault, path: path + fault.path };
}

/** `/parameters/loras/0` → `parameters.loras.0`. */
const dotted = (path: string) => path.replace(/^\//, "").replaceAll("/", ".");
