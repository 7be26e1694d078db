import { Kind, type TSchema, TypeRegistry } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";

const kind = "TextOfCharacters";

type Bounds = Form & { minLength?: number; maxLength?: number };
type Form = { pattern?: string; examples?: readonly string[] };

TypeRegistry.Set<TSchema & Bounds>(kind, (schema, value) => {
  if (typeof value !== "string") return false;
  const { minLength = 0, maxLength = Infinity, ...rest } = schema;
  // A code point takes at most two UTF-16 units: only texts near a limit have to be counted.
  const isLong =
    value.length > maxLength * 2 ||
    (value.length > maxLength && Array.from(value).length > maxLength);
  const isShort = value.length < minLength * 2 && Array.from(value).length < minLength;
  return !isLong && !isShort && Value.Check({ ...rest, [Kind]: "String" }, value);
});

/**
 * Makes every limit on a text's length in this schema count characters (code points), as JSON Schema 6.3.1 specifies and
 * as people do; TypeBox counts UTF-16 units, of which an emoji has two.
 */
export function countCharacters<T>(schema: T): T {
  if (typeof schema !== "object" || schema === null) return schema;
  const own = schema as { [Kind]?: string } & Bounds;
  const isBounded = own.minLength !== undefined || own.maxLength !== undefined;
  if (own[Kind] === "String" && isBounded) own[Kind] = kind;
  for (const inner of Object.values(schema)) countCharacters(inner);
  return schema;
}

/** What a text with a pattern has to look like: by its example, where the schema has one. */
export function expectedForm({ pattern, examples: [example] = [] }: Form): string {
  return example === undefined ? `that matches ${pattern}` : `such as ${example}`;
}

/** Describes the value that a text schema with a limited length expects; undefined for other schemas. */
export function expectedLength(schema: unknown): string | undefined {
  const own = (schema ?? {}) as { [Kind]?: string } & Bounds;
  if (own[Kind] !== kind) return undefined;
  const { minLength, maxLength } = own;
  const form = own.pattern === undefined ? "" : ` ${expectedForm(own)}`;
  if (maxLength === undefined) return `a text of at least ${minLength} characters${form}`;
  return `a text of ${minLength ?? 0} to ${maxLength} characters${form}`;
}
