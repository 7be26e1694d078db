import { type AnyElysia, Elysia } from "elysia";
import { swagger } from "@elysiajs/swagger";
import { sessionCookie } from "./owner-session";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

// Never served: the plugin's own page would load scripts from elsewhere.
const aside = "/aside";

const securitySchemes = {
  owner: { type: "http", scheme: "bearer", description: "API_TOKEN" },
  session: {
    type: "apiKey",
    in: "cookie",
    name: sessionCookie,
    description: "What POST /api/v1/auth/session sets",
  },
} as const;

const idempotencyKey = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description:
    "Of your making. The same key with the same content gets the first answer again for 24 hours, with other content 409.",
  schema: { type: "string", minLength: 1, maxLength: 255, pattern: "^[!-~]+$" },
  example: "4c1d7a52-6f0e-4b0c-9d53-9a4f3c2b1e00",
} as const;

const methods = ["get", "post", "put", "patch", "delete"];

/** What every route that takes part in the checks can answer, besides its own. */
const commonFaults: Record<string, string> = {
  "400": "The request is at fault; see details.errors",
  "401": "The owner's token is missing or wrong",
  "403": "A foreign host name, or a change from another site",
  "500": "A fault of this server",
  "503": "The database does not answer; Retry-After says when to try again",
};

const descriptions: Record<string, string> = {
  "200": "Done",
  "201": "Made",
  "202": "Accepted; the work goes on",
  "204": "Done, nothing to say",
  "404": "There is no such thing",
  "409": "The present state does not allow it",
  "413": "Too many files or bytes",
  "415": "Content of a type that is not taken",
  "416": "A range beyond the end",
  "422": "A picture that cannot be taken",
  "429": "Too many tries; Retry-After says when to try again",
  "502": "InvokeAI failed",
  "507": "No room left for photos",
};

/** The OpenAPI 3.0.3 document of these modules, as `/docs/json` serves it. Needs no server. */
export async function buildOpenApi(modules: readonly AnyElysia[]): Promise<JsonObject> {
  const app = new Elysia().use(
    swagger({
      path: aside,
      excludeStaticFile: false,
      documentation: {
        info: {
          title: "Photo gallery",
          version: "1.0.0",
          description: "A self-hosted photo gallery with durable image generation.",
        },
        components: { securitySchemes, parameters: { IdempotencyKey: idempotencyKey } },
        security: [{ owner: [] }, { session: [] }],
      },
    }),
  );
  for (const module of modules) app.use(module);
  const response = await app.handle(new Request(`http://localhost${aside}/json`));
  const document = (await response.json()) as JsonObject;
  for (const route of modules.flatMap((module) => module.routes)) addLostAnswers(document, route);
  return normalise(document);
}

type Route = { method: string; path: string; hooks: { response?: unknown } };

/** Where a route describes one answer by hand the plugin forgets those that have a schema. */
function addLostAnswers(document: JsonObject, { method, path, hooks }: Route): void {
  const item = objectOf(document["paths"])[path.replaceAll(/:(\w+)/g, "{$1}")];
  const responses = objectOf(objectOf(objectOf(item)[method.toLowerCase()])["responses"]);
  const schemas = JSON.parse(JSON.stringify(hooks.response ?? {})) as JsonObject;
  for (const [status, schema] of Object.entries(schemas)) {
    if (!/^\d{3}$/.test(status) || schema === null) continue;
    const json = { "application/json": { schema } };
    const answer = objectOf((responses[status] ??= {}));
    if (objectOf(schema)["type"] !== "void")
      answer["content"] = { ...json, ...objectOf(answer["content"]) };
  }
}

/** What the plugin gets wrong, put right: dialect of the schemas, content types, faults common to all. */
function normalise(document: JsonObject): JsonObject {
  const plain = toOpenApi3(document) as JsonObject;
  for (const item of Object.values(objectOf(plain["paths"]))) {
    for (const [method, operation] of Object.entries(objectOf(item))) {
      if (methods.includes(method)) normaliseOperation(objectOf(operation));
    }
  }
  return sortKeys(plain) as JsonObject;
}

function normaliseOperation(operation: JsonObject): void {
  const isPublic = Array.isArray(operation["security"]) && operation["security"].length === 0;
  if (operation["x-creates-once"]) {
    const parameters = (operation["parameters"] ??= []) as Json[];
    parameters.push({ $ref: "#/components/parameters/IdempotencyKey" });
  }
  // Marks for the program, not for readers.
  delete operation["x-creates-once"];
  delete operation["x-access"];
  const responses = objectOf((operation["responses"] ??= {}));
  for (const [status, description] of Object.entries(commonFaults)) {
    if (isPublic && status === "401") continue;
    responses[status] ??= { description, content: { "application/json": { schema: faultSchema } } };
  }
  for (const [status, response] of Object.entries(responses)) {
    onlyTrueTypes(objectOf(response));
    // The specification wants one for each; the route's own words win.
    objectOf(response)["description"] ??= descriptions[status] ?? "";
  }
  if (operation["requestBody"]) onlyTrueTypes(objectOf(operation["requestBody"]));
}

const faultSchema: JsonObject = {
  type: "object",
  required: ["error", "request_id"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "details"],
      properties: {
        code: { type: "string" },
        message: { type: "string" },
        details: { type: "object", additionalProperties: true },
      },
    },
    request_id: { type: "string" },
  },
};

/** The plugin names form and text types for every body; ours are JSON unless the route wrote its own. */
function onlyTrueTypes(carrier: JsonObject): void {
  const content = objectOf(carrier["content"]);
  const json = content["application/json"];
  const guessed = ["multipart/form-data", "text/plain", "application/x-www-form-urlencoded"];
  if (json === undefined) return;
  for (const type of guessed) {
    if (JSON.stringify(content[type]) === JSON.stringify(json)) delete content[type];
  }
}

/** OpenAPI 3.0 knows neither `const` nor the type `null`. */
function toOpenApi3(value: Json): Json {
  if (Array.isArray(value)) return value.map(toOpenApi3);
  if (typeof value !== "object" || value === null) return value;
  const result: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) {
    if (key === "const") result["enum"] = [inner];
    else if (key === "anyOf" && Array.isArray(inner)) Object.assign(result, alternatives(inner));
    else result[key] = toOpenApi3(inner);
  }
  return result;
}

/** `anyOf` with `null` is `nullable`; of literals it is an `enum`; of one, itself. */
function alternatives(list: Json[]): JsonObject {
  const real = list.filter((one) => objectOf(one)["type"] !== "null");
  const nullable: JsonObject = real.length < list.length ? { nullable: true } : {};
  const literals = real.map((one) => objectOf(one)["const"]);
  if (literals.every((literal) => literal !== undefined)) {
    const type = objectOf(real[0])["type"] ?? "string";
    return { type, enum: literals, ...nullable };
  }
  if (real.length === 1) return { ...objectOf(toOpenApi3(real[0] ?? null)), ...nullable };
  return { anyOf: real.map(toOpenApi3), ...nullable };
}

function objectOf(value: Json | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
}

function sortKeys(value: Json): Json {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortKeys(inner)]));
}
