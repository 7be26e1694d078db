import { type Json, type JsonObject, objectOf } from "./json";

/** What TypeBox writes in the words of OpenAPI 3.0, which knows neither `const`, nor the type `null`, nor a map by pattern. */
export function toOpenApi3(value: Json): Json {
  if (Array.isArray(value)) return value.map(toOpenApi3);
  if (typeof value !== "object" || value === null) return value;
  const result: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) {
    if (key === "const") result["enum"] = [inner];
    else if (key === "anyOf" && Array.isArray(inner)) Object.assign(result, alternatives(inner));
    else if (key.startsWith("exclusiveM") && typeof inner === "number") {
      // A bound of its own in later versions, here a word on the bound.
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

/** `anyOf` with `null` is `nullable`; of literals it is an `enum`; of one, itself. */
function alternatives(list: Json[]): JsonObject {
  const isNullable = list.some((one) => objectOf(one)["type"] === "null");
  const real = list.filter((one) => objectOf(one)["type"] !== "null" && !isNumberAsText(one));
  const nullable: JsonObject = isNullable ? { nullable: true } : {};
  const literals = real.map((one) => objectOf(one)["const"]);
  if (literals.every((literal) => literal !== undefined)) {
    const type = objectOf(real[0])["type"] ?? "string";
    // In 3.0 an enum that is nullable has to name null as well.
    return { type, enum: isNullable ? [...literals, null] : literals, ...nullable };
  }
  if (real.length === 1) return { ...objectOf(toOpenApi3(real[0] ?? null)), ...nullable };
  return { anyOf: real.map(toOpenApi3), ...nullable };
}

/** Elysia takes numbers and booleans of an address from their text, and says so beside the type that is meant. */
function isNumberAsText(schema: Json): boolean {
  const { type, format } = objectOf(schema);
  return type === "string" && ["integer", "numeric", "boolean"].some((name) => name === format);
}

function valuesOf(patterns: Json): Json {
  const [schema] = Object.values(objectOf(patterns));
  return schema === undefined ? true : toOpenApi3(schema);
}
