import { type Json, type JsonObject, objectOf } from "./json";

/** Converts TypeBox's JSON Schema to OpenAPI 3.0, which has no `const`, no type `null` and no `patternProperties`. */
export function toOpenApi3(value: Json): Json {
  if (Array.isArray(value)) return value.map(toOpenApi3);
  if (typeof value !== "object" || value === null) return value;
  const result: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) {
    if (key === "const") result["enum"] = [inner];
    else if (key === "anyOf" && Array.isArray(inner)) Object.assign(result, alternatives(inner));
    else if (key.startsWith("exclusiveM") && typeof inner === "number") {
      // A number in later versions; in 3.0 a boolean beside `minimum` or `maximum`.
      Object.assign(result, {
        [key === "exclusiveMinimum" ? "minimum" : "maximum"]: inner,
        [key]: true,
      });
    } else if (key === "examples" && Array.isArray(inner)) result["example"] = inner[0] ?? null;
    else if (key === "patternProperties") result["additionalProperties"] = valuesOf(inner);
    else result[key] = toOpenApi3(inner);
  }
  return result;
}

/** `anyOf` with `null` becomes `nullable`; of literals, an `enum`; of a single schema, that schema. */
function alternatives(list: Json[]): JsonObject {
  const isNullable = list.some((one) => objectOf(one)["type"] === "null");
  const real = list.filter((one) => objectOf(one)["type"] !== "null" && !isNumberAsText(one));
  const nullable: JsonObject = isNullable ? { nullable: true } : {};
  const literals = real.map((one) => objectOf(one)["const"]);
  if (literals.every((literal) => literal !== undefined)) {
    const type = objectOf(real[0])["type"] ?? "string";
    // In 3.0 a nullable enum must also list null.
    return { type, enum: isNullable ? [...literals, null] : literals, ...nullable };
  }
  if (real.length === 1) return { ...objectOf(toOpenApi3(real[0] ?? null)), ...nullable };
  return { anyOf: real.map(toOpenApi3), ...nullable };
}

/** Elysia accepts numbers and booleans in URLs as text, and adds that as an alternative to the real type. */
function isNumberAsText(schema: Json): boolean {
  const { type, format } = objectOf(schema);
  return type === "string" && ["integer", "numeric", "boolean"].some((name) => name === format);
}

function valuesOf(patterns: Json): Json {
  const [schema] = Object.values(objectOf(patterns));
  return schema === undefined ? true : toOpenApi3(schema);
}
