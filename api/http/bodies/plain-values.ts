import { Kind, type TSchema, TransformKind, Type, TypeRegistry } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { countCharacters } from "../../fields/text-length";

const textKind = "WrittenInAddress";

const forms: Record<string, { form: RegExp; kind: string; read: (text: string) => unknown }> = {
  // No query parameter may be negative.
  integer: { form: /^\d+$/, kind: "Integer", read: Number },
  number: { form: /^\d+(?:\.\d+)?$/, kind: "Number", read: Number },
  boolean: { form: /^(?:true|false)$/, kind: "Boolean", read: (text) => text === "true" },
};

TypeRegistry.Set<TSchema>(textKind, (schema, value) => {
  const { form, kind, read } = forms[schema["type"]]!;
  if (typeof value === "string" && !form.test(value)) return false;
  // Defaults are not text.
  return Value.Check({ ...schema, [Kind]: kind }, typeof value === "string" ? read(value) : value);
});

/**
 * Makes a query accept numbers as decimal digits and booleans as `true` or `false`. Elysia's own schemas accept
 * whatever JavaScript converts to a number, such as `0x10`, ` 5` and the empty string.
 */
export function readPlainText(query: TSchema): void {
  const properties: Record<string, TSchema> = query["properties"];
  for (const [name, property] of Object.entries(properties)) {
    // Some routes share a query schema: it is converted only once.
    if (property[Kind] === textKind) continue;
    const schema = refuseNumbersAsText({ ...property });
    const known = forms[schema["type"]];
    if (!known) continue;
    properties[name] = Type.Transform({ ...schema, [Kind]: textKind })
      // Elysia decodes twice; the second time the value is no text any more.
      .Decode((value) => (typeof value === "string" ? known.read(value) : value))
      .Encode((value) => value);
  }
}

/** Makes the schema of a JSON body exact: lengths count characters, and numbers are not accepted as text. */
export function exactJson<T>(schema: T): T {
  return countCharacters(refuseNumbersAsText(schema));
}

/** Elysia's schemas of numbers also accept text; this removes the alternative. */
function refuseNumbersAsText<T>(schema: T): T {
  if (typeof schema !== "object" || schema === null) return schema;
  const own = schema as { anyOf?: TSchema[]; [TransformKind]?: unknown };
  const [asText, plain] = own.anyOf?.toSorted(textFirst) ?? [];
  if (TransformKind in own && plain && asText?.["type"] === "string") {
    delete own.anyOf;
    delete own[TransformKind];
    Object.assign(own, plain);
  }
  for (const inner of Object.values(schema)) refuseNumbersAsText(inner);
  return schema;
}

const textFirst = (a: TSchema, b: TSchema) =>
  Number(b["type"] === "string") - Number(a["type"] === "string");
