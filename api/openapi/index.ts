import { type AnyElysia, Elysia } from "elysia";
import { swagger } from "@elysiajs/swagger";
import { errorSchema } from "../http/error-body";
import { toOpenApi3 } from "./dialect";
import { fixedComponents } from "./fixed";
import { type JsonObject, objectOf, sortKeys } from "./json";
import { nameSchemas } from "./named-schemas";
import { completeOperation } from "./operation";
import { tags } from "./texts";
import { version } from "#version";

// Never served: the plugin's own page would load scripts from elsewhere.
const aside = "/aside";

const methods = ["get", "post", "put", "patch", "delete"];

/** The OpenAPI 3.0.3 document of these modules, as `/docs/json` serves it. Needs no server. */
export async function buildOpenApi(modules: AnyElysia): Promise<JsonObject> {
  const app = new Elysia().use(
    swagger({
      path: aside,
      excludeStaticFile: false,
      documentation: {
        info: {
          title: "Photo gallery",
          version,
          description: "A self-hosted photo gallery with durable image generation.",
          license: { name: "MIT", url: "https://opensource.org/license/mit" },
        },
        servers: [{ url: "/", description: "This server" }],
        tags,
        components: fixedComponents as object,
        security: [{ owner: [] }, { session: [] }],
      },
    }),
  );
  app.use(modules);
  const response = await app.handle(new Request(`http://localhost${aside}/json`));
  const document = (await response.json()) as JsonObject;
  for (const route of modules.routes) addLostAnswers(document, route);
  return complete(document);
}

type Route = {
  method: string;
  path: string;
  hooks: { response?: unknown; detail?: { responses?: unknown } };
};

/**
 * Works around the plugin: if a route describes one response by hand, the plugin drops the responses that have a schema.
 * It also drops or misplaces the `title` of a schema.
 */
function addLostAnswers(document: JsonObject, { method, path, hooks }: Route): void {
  const item = objectOf(document["paths"])[path.replaceAll(/:(\w+)/g, "{$1}")];
  const responses = objectOf(objectOf(objectOf(item)[method.toLowerCase()])["responses"]);
  const given = answerSchemas(hooks.response ?? {});
  const schemas = "type" in given ? { "200": given } : given;
  const byHand = JSON.parse(JSON.stringify(hooks.detail?.responses ?? {})) as JsonObject;
  for (const [status, schema] of Object.entries(schemas)) {
    if (!/^\d{3}$/.test(status) || schema === null) continue;
    const json = { "application/json": { schema } };
    const answer = objectOf((responses[status] ??= {}));
    if (objectOf(schema)["type"] !== "void")
      answer["content"] = { ...objectOf(objectOf(byHand[status])["content"]), ...json };
  }
}

/**
 * Response schemas without `additionalProperties: false`, as fields may be added within an API version. Elysia adds it to
 * the routes that were called before, and the document must not depend on that.
 */
function answerSchemas(given: unknown): JsonObject {
  const open = (key: string, value: unknown) =>
    key === "additionalProperties" && value === false ? undefined : value;
  return JSON.parse(JSON.stringify(given, open)) as JsonObject;
}

function complete(document: JsonObject): JsonObject {
  const plain = toOpenApi3(document) as JsonObject;
  const fault = toOpenApi3(answerSchemas(errorSchema)) as JsonObject;
  for (const [path, item] of Object.entries(objectOf(plain["paths"]))) {
    for (const [method, operation] of Object.entries(objectOf(item))) {
      if (methods.includes(method)) completeOperation(method, path, objectOf(operation), fault);
    }
  }
  const used = JSON.stringify(plain["paths"]);
  plain["tags"] = tags.filter(({ name }) => used.includes(`"tags":["${name}"]`));
  nameSchemas(plain);
  return sortKeys(plain) as JsonObject;
}
