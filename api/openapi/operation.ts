import { bodyExamples } from "./examples";
import { imageTypes } from "./image-types";
import { type Json, type JsonObject, objectOf } from "./json";
import { commonStatuses, errorExamples, parameterTexts, statusDescriptions } from "./texts";

/** Corrects the plugin's description of an operation and adds what many have in common: parameters, errors, headers. */
export function completeOperation(
  method: string,
  path: string,
  operation: JsonObject,
  errorSchema: JsonObject,
): void {
  operation["operationId"] = operationId(method, path);
  if (operation["x-body"] === "step") addStepForm(objectOf(operation["requestBody"]));
  if (operation["requestBody"])
    completeBody(`${method} ${path}`, objectOf(operation["requestBody"]));
  const responses = objectOf((operation["responses"] ??= {}));
  for (const status of statusesOf(path, operation)) {
    responses[status] ??= { content: { "application/json": { schema: errorSchema } } };
  }
  if (isList(responses["200"]) && !path.includes("{key}")) responses["304"] ??= {};
  for (const [status, response] of Object.entries(responses)) {
    completeResponse(status, objectOf(response));
  }
  completeParameters(path, operation, responses);
  // Internal marks, not part of the document.
  delete operation["x-creates-once"];
  delete operation["x-access"];
  delete operation["x-body"];
}

function completeBody(name: string, body: JsonObject): void {
  onlyTrueTypes(body);
  const json = objectOf(body["content"])["application/json"];
  const example = bodyExamples[name];
  if (json !== undefined && example !== undefined) {
    objectOf(objectOf(json)["schema"])["example"] = example;
  }
}

/** The same JSON as a part of a form, with a mask beside it. */
function addStepForm(body: JsonObject): void {
  const content = objectOf(body["content"]);
  const { schema = {} } = objectOf(content["application/json"]);
  // A copy: the schema of the JSON gets an example, which does not fit into a form.
  const step = structuredClone(schema);
  content["multipart/form-data"] = {
    schema: {
      type: "object",
      required: ["step"],
      properties: { step, mask: { type: "string", format: "binary" } },
    },
    encoding: { step: { contentType: "application/json" } },
  };
}

/** `post /api/v1/albums/{id}/photos` → `postAlbumsByIdPhotos`. */
function operationId(method: string, path: string): string {
  const words = path
    .replace(/^\/api\/v1/, "")
    .replaceAll(/\{(\w+)\}/g, "by-$1")
    .split(/[^A-Za-z0-9]+/)
    .filter(Boolean);
  return method + words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join("");
}

function statusesOf(path: string, operation: JsonObject): string[] {
  const { requestBody, security } = operation;
  const isPublic = Array.isArray(security) && security.length === 0;
  const isVisitors = isPublic && operation["x-access"] !== "open";
  const takesJson = "application/json" in objectOf(objectOf(requestBody)["content"]);
  return [
    ...commonStatuses.filter((status) => !(isPublic && status === "401")),
    ...(path.includes("{") ? ["404"] : []),
    ...(takesJson ? ["413", "415"] : []),
    ...(isVisitors ? ["429"] : []),
  ];
}

function isList(response: Json | undefined): boolean {
  const json = objectOf(objectOf(objectOf(response)["content"])["application/json"]);
  return "next_cursor" in objectOf(objectOf(json["schema"])["properties"]);
}

/** The fields that the specification allows in a response; the plugin adds fields of its schema. */
const ofResponse = new Set(["description", "headers", "content"]);

function completeResponse(status: string, response: JsonObject): void {
  for (const name of Object.keys(response)) if (!ofResponse.has(name)) delete response[name];
  // The specification requires a description; the route's own takes precedence.
  response["description"] ||= statusDescriptions[status] ?? "";
  onlyTrueTypes(response);
  const content = objectOf(response["content"]);
  const anyImage = content["image/*"];
  if (anyImage !== undefined) {
    for (const type of imageTypes) content[type] = anyImage;
    delete content["image/*"];
  }
  const example = errorExamples[status];
  const json = content["application/json"];
  const isError = objectOf(objectOf(json)["schema"])["title"] === "Error";
  if (example && isError) objectOf(json)["example"] ??= errorExample(...example);
  const headers = objectOf((response["headers"] ??= {}));
  headers["X-Request-Id"] = { $ref: "#/components/headers/RequestId" };
  if (status === "429" || status === "503") {
    headers["Retry-After"] = { $ref: "#/components/headers/RetryAfter" };
  }
  if (status === "304" || status === "206") headers["ETag"] = { $ref: "#/components/headers/ETag" };
}

function errorExample(code: string, message: string): JsonObject {
  const details: JsonObject =
    code === "validation_error" ? { errors: [{ path: "name", message }] } : {};
  return {
    error: { code, message, details },
    request_id: "0b6f1c1e-5f0a-4c55-8a7e-0d9a4f8a2b11",
  };
}

function completeParameters(path: string, operation: JsonObject, responses: JsonObject): void {
  const parameters = (operation["parameters"] ??= []) as JsonObject[];
  for (const parameter of parameters) {
    const { name } = parameter;
    const known = typeof name === "string" ? parameterTexts[name] : undefined;
    const schema = objectOf(parameter["schema"]);
    parameter["description"] ??= schema["description"] ?? known?.description ?? "";
    // Only for path parameters: Swagger UI would send an optional parameter that has an example.
    if (parameter["in"] === "path" && known?.example) parameter["example"] ??= known.example;
  }
  const read = {
    IdempotencyKey: operation["x-creates-once"] === true,
    IfNoneMatch: "304" in responses,
    Range: "206" in responses,
    ShareToken: path.startsWith("/api/v1/share/{key}"),
    LastEventId: "text/event-stream" in objectOf(objectOf(responses["200"])["content"]),
  };
  for (const [name, isRead] of Object.entries(read)) {
    if (isRead) parameters.push({ $ref: `#/components/parameters/${name}` });
  }
}

/** Removes the form and text types that the plugin adds to every JSON body; types with their own schema stay. */
function onlyTrueTypes(carrier: JsonObject): void {
  const content = objectOf(carrier["content"]);
  const json = content["application/json"];
  const guessed = ["multipart/form-data", "text/plain", "application/x-www-form-urlencoded"];
  if (json === undefined) return;
  for (const type of guessed) {
    if (JSON.stringify(content[type]) === JSON.stringify(json)) delete content[type];
  }
}
