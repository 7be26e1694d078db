import { type Json, type JsonObject, objectOf } from "./json";

/**
 * Moves every schema that has a `title` to `components.schemas` under that name, so that it is described once and
 * a generated client has a type for it.
 * @throws Error when two different schemas have one title
 */
export function nameSchemas(document: JsonObject): void {
  const named = objectOf((objectOf((document["components"] ??= {}))["schemas"] ??= {}));
  document["paths"] = hoist(document["paths"] ?? {}, named);
}

function hoist(value: Json, named: JsonObject): Json {
  if (Array.isArray(value)) return value.map((one) => hoist(one, named));
  if (typeof value !== "object" || value === null) return value;
  const inner = Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, key === "example" ? one : hoist(one, named)]),
  );
  const { title, nullable, ...schema } = inner;
  // A property may also be called `title`; only the title of a schema is a string.
  if (typeof title !== "string" || schema["type"] !== "object") return inner;
  const known = named[title];
  if (known !== undefined && !Bun.deepEquals(known, schema)) {
    throw new Error(`two schemas are called ${title}`);
  }
  named[title] = schema;
  const reference = { $ref: `#/components/schemas/${title}` };
  // 3.0 ignores the siblings of a `$ref`.
  return nullable === true ? { type: "object", allOf: [reference], nullable } : reference;
}
