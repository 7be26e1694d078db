import { afterAll, expect, test } from "bun:test";
import { createApp } from "#api/app";
import { createTestApi } from "#tests/support/api";
import { insertModel, insertPhoto, unreceived } from "#tests/support/rows";

type Json = Record<string, any>;
const api = await createTestApi();
afterAll(() => api.close());

const document = (await (await api.request("/docs/json")).json()) as Json;

const methods = ["get", "post", "put", "patch", "delete"];

function operations(): { name: string; operation: Json }[] {
  return Object.entries(document["paths"] as Json).flatMap(([path, item]) =>
    Object.entries(item as Json)
      .filter(([method]) => methods.includes(method))
      .map(([method, operation]) => ({ name: `${method} ${path}`, operation: operation as Json })),
  );
}

/** Every object of the document with its path. */
function* walk(value: unknown, path = ""): Generator<{ path: string; node: Json }> {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) yield { path, node: value as Json };
  for (const [key, inner] of Object.entries(value)) yield* walk(inner, `${path}/${key}`);
}

test("every route is in the document, and nothing else", () => {
  const wanted = createApp(api.deps)
    .routes.filter((route) => route.hooks.detail?.hide !== true)
    .map((route) => `${route.method.toLowerCase()} ${route.path.replaceAll(/:(\w+)/g, "{$1}")}`);
  expect(
    operations()
      .map(({ name }) => name)
      .toSorted(),
  ).toEqual(wanted.toSorted());
});

test("the document is OpenAPI 3.0: no null type, no const, no list of types", () => {
  expect(document["openapi"]).toStartWith("3.0");
  for (const { path, node } of walk(document)) {
    // Names of fields may be anything.
    if (path.endsWith("/properties")) continue;
    expect({ path, type: node["type"] }).not.toEqual({ path, type: "null" });
    expect({ path, isConst: "const" in node }).toEqual({ path, isConst: false });
    expect({ path, isList: Array.isArray(node["type"]) }).toEqual({ path, isList: false });
    if (node["type"] === "array")
      expect({ path, items: node["items"] }).not.toEqual({ path, items: undefined });
    expect({ path, ref: String(node["$ref"] ?? "#/").startsWith("#/") }).toEqual({
      path,
      ref: true,
    });
  }
});

test("every operation has a summary, a unique id, its path's parameters and its errors", () => {
  const ids = new Set<string>();
  for (const { name, operation } of operations()) {
    expect({ name, summary: typeof operation["summary"] }).toEqual({ name, summary: "string" });
    expect({ name, known: ids.has(operation["operationId"]) }).toEqual({ name, known: false });
    ids.add(operation["operationId"]);
    const inPath = [...name.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter);
    const described = (operation["parameters"] ?? []).filter((one: Json) => one["in"] === "path");
    expect({ name, path: described.map((one: Json) => one["name"]).toSorted() }).toEqual({
      name,
      path: inPath.map(String).toSorted(),
    });
    for (const status of ["400", "403", "500", "503"]) {
      expect(Object.keys(operation["responses"])).toContain(status);
    }
    for (const [status, response] of Object.entries(operation["responses"] as Json)) {
      const described = typeof (response as Json)["description"];
      expect({ name, status, described }).toEqual({ name, status, described: "string" });
    }
  }
});

test("what a link shares is documented with the header that carries its token", () => {
  const below = operations().filter(({ name }) => name.includes(" /api/v1/share/{key}"));
  expect(below.length).toBeGreaterThan(5);
  for (const { name, operation } of below) {
    expect({ name, parameters: operation["parameters"] }).toEqual({
      name,
      parameters: expect.arrayContaining([{ $ref: "#/components/parameters/ShareToken" }]),
    });
  }
});

test("only supported content types are documented: JSON, forms, images, events, pages, zips", () => {
  const spoken = new Set([
    "application/json",
    "application/zip",
    "multipart/form-data",
    "text/event-stream",
    "application/zip",
    "text/html",
  ]);
  const forms =
    /^\/paths\/\/api\/v1\/(?:photos|generation\/sessions\/(?:import|\{id\}\/steps))\/post\//;
  for (const { path, node } of walk(document)) {
    if (!path.endsWith("/content")) continue;
    for (const type of Object.keys(node)) {
      const isForm = type === "application/x-www-form-urlencoded" && path.includes("/unlock/");
      const isKnown = isForm || spoken.has(type) || /^(image|text)\//.test(type);
      expect({ path, type, isKnown }).toEqual({ path, type, isKnown: true });
      if (type === "multipart/form-data") expect(path).toMatch(forms);
    }
  }
});

test("every operation not marked as public requires the owner's token or session cookie", () => {
  expect(document["security"]).toEqual([{ owner: [] }, { session: [] }]);
  for (const { name, operation } of operations()) {
    const security = operation["security"] ?? [];
    const isPartly = name === "get /metrics" || name === "get /health/ready";
    const wanted = isPartly ? [{ owner: [] }, { session: [] }, {}] : [];
    expect({ name, security }).toEqual({ name, security: wanted });
  }
});

test("no optional header or filter has an example, which Swagger UI would send", () => {
  for (const { path, node } of walk(document)) {
    if (typeof node["in"] !== "string" || typeof node["name"] !== "string") continue;
    if (node["in"] === "path") continue;
    expect({ path, example: node["example"] }).toEqual({ path, example: undefined });
  }
});

test("every JSON body has an example that its route accepts", async () => {
  // A grid is refused as a whole if its model is unknown, before anything else that could be missing.
  await insertModel(api.deps.database.db, { key: "a key of GET /api/v1/models" });
  let asked = 0;
  for (const { name, operation } of operations()) {
    const json = operation["requestBody"]?.content?.["application/json"];
    if (json === undefined) continue;
    const { example } = json.schema;
    expect({ name, example: typeof example }).toEqual({ name, example: "object" });
    const [method = "", path = ""] = name.split(" ");
    const answer = await api.request(path.replaceAll(/\{\w+\}/g, crypto.randomUUID()), {
      method: method.toUpperCase(),
      headers: { "content-type": "application/json" },
      body: JSON.stringify(example),
    });
    asked += 1;
    expect({ name, status: answer.status }).not.toEqual({ name, status: 400 });
    expect({ name, isFault: answer.status >= 500 }).toEqual({ name, isFault: false });
  }
  expect(asked).toBeGreaterThan(20);
});

test("the fields that a photo lacks until it is fetched say so, wherever a photo appears", async () => {
  const ofBytes = ["mime_type", "width", "height", "file_size", "content_hash"];
  const photos = [...walk(document)].filter(
    ({ node }) => "content_hash" in (node["properties"] ?? {}),
  );
  expect(photos.length).toBeGreaterThan(2);
  for (const { path, node } of photos) {
    for (const name of ofBytes) {
      const { description } = node["properties"][name];
      expect({ path, name, description }).toEqual({
        path,
        name,
        description: expect.stringContaining("Absent until"),
      });
      expect(node["required"]).not.toContain(name);
    }
  }
  const { id } = await insertPhoto(api.deps.database.db, {
    ...unreceived,
    retrievalStatus: "pending",
  });
  const [, { items }] = await api.call("GET", "/photos");
  const shown = items.find((photo: Json) => photo["id"] === id);
  expect(Object.keys(shown).filter((name) => ofBytes.includes(name))).toEqual([]);
});

test("the document is the same before and after every route was requested", async () => {
  const asked = await createTestApi();
  for (const { name } of operations()) {
    const [method = "", path = ""] = name.split(" ");
    const answer = await asked.request(path.replaceAll(/\{\w+\}/g, crypto.randomUUID()), {
      method: method.toUpperCase(),
      ...(method !== "get" && {
        body: "{}",
        headers: { "content-type": "application/json" },
      }),
    });
    await answer.body?.cancel();
  }
  expect(await (await asked.request("/docs/json")).json()).toEqual(document);
  await asked.close();
});
