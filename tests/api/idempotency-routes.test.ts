import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readNodeCatalogue } from "#activities/adapters/invokeai/node-catalogue";
import { saveNodeCatalogue } from "#db/queries/recipes/recipe-sources";
import { describeNodes } from "#simulators/invokeai/node-schemas";
import { libraryWorkflows } from "#simulators/invokeai/workflow-library";
import { createTestApi, type TestApi } from "#tests/support/api";
import { insertModel, insertPhoto } from "#tests/support/rows";
import { exportOf } from "#tests/support/made-session";
import { pngOfShade, rawForm } from "#tests/support/uploads";

type Json = Record<string, any>;
/** `path`: replaces the route's path in the case of other content, where the content includes the path. */
type Sent = { body: BodyInit; headers?: Record<string, string>; path?: string };
type Route = {
  path: string;
  /** A request; the same content in another form; other content. */
  first: Sent;
  same: Sent;
  other: Sent;
  /** For another request of the same kind, where the first cannot be made twice: names are unique. */
  next?: Sent;
};

let folder: string;
let api: TestApi;
let routes: Record<string, Route>;

const json = (body: unknown): Sent => ({
  body: JSON.stringify(body),
  headers: { "content-type": "application/json" },
});

/** A form with one file and the given boundary. */
function form(boundary: string, bytes: Uint8Array, title: string): Sent {
  const parts = [
    `--${boundary}\r\nContent-Disposition: form-data; name="title"\r\n\r\n${title}\r\n`,
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n`,
    bytes,
    `\r\n--${boundary}--\r\n`,
  ];
  return {
    body: new Blob(parts as BlobPart[]),
    headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
  };
}

/** The same for an archive. */
function archiveForm(boundary: string, bytes: Uint8Array): Sent {
  const headers = ['Content-Disposition: form-data; name="file"; filename="a.zip"'];
  const { body, contentType } = rawForm([{ headers, body: bytes }], boundary);
  return { body: new Blob([new Uint8Array(body)]), headers: { "content-type": contentType } };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gallery-imports-"));
  api = await createTestApi({ IMPORT_ROOTS: folder });
  const { db } = api.deps.database;
  const nodes = readNodeCatalogue({ components: { schemas: describeNodes() } });
  await saveNodeCatalogue(db, { place: "local", version: "6.14.2", nodes, readAt: new Date() });
  const [workflow] = libraryWorkflows;
  const { id: photo } = await insertPhoto(db);
  const { key: model } = await insertModel(db);
  const opened = await api.postJson("/api/v1/generation/sessions", { entry_type: "scratch" });
  const { id: session } = (await opened.json()) as Json;
  const bytes = await pngOfShade(41_001);
  const archives = [await exportOf(api, session), await exportOf(api, session)] as const;
  const parameters = { model_key: model, seed: 1 };
  const { id: made } = await insertPhoto(db, { kind: "generated" });
  const { id: madeToo } = await insertPhoto(db, { kind: "generated" });
  await insertModel(db, {
    name: "4x Clear",
    type: "spandrel_image_to_image",
    base: "any",
    accepts: null,
    defaults: null,
  });
  const axes = [{ field: "parameters.seed", values: [1, 2] }];
  const { id: drawn } = await insertPhoto(db, { generation: { prompt: "a", modelKey: model } });
  const share = {
    first: json({ photo_id: photo, title: "a", expires_at: "2040-01-01T00:00:00Z" }),
    same: json({
      expires_at: "2040-01-01T01:00:00.000+01:00",
      title: " a",
      photo_id: photo.toUpperCase(),
      album_id: null,
      allow_download: false,
    }),
    other: json({ photo_id: photo, title: "a" }),
  };
  routes = {
    "/api/v1/photos": {
      path: "/api/v1/photos",
      first: form("one", bytes, "a"),
      same: form("another-boundary", bytes, " a "),
      other: form("one", bytes, "b"),
    },
    "/api/v1/albums": {
      path: "/api/v1/albums",
      first: json({ name: "a" }),
      same: json({ description: null, name: " a " }),
      other: json({ name: "b" }),
    },
    "/api/v1/photos/import": {
      path: "/api/v1/photos/import",
      first: json({ path: folder }),
      same: json({ albums: false, path: folder }),
      other: json({ path: folder, albums: true }),
    },
    "/api/v1/models/install": {
      path: "/api/v1/models/install",
      first: json({ source: "owner/one" }),
      same: json({ source: " owner/one " }),
      other: json({ source: "owner/another" }),
    },
    "/api/v1/templates": {
      path: "/api/v1/templates",
      first: json({ name: "a", prompt_text: "b" }),
      same: json({ prompt_text: "b", name: " a", description: null, is_favorite: false }),
      other: json({ name: "a", prompt_text: "c" }),
    },
    "/api/v1/recipes": {
      path: "/api/v1/recipes",
      first: json({ workflow, name: "a" }),
      same: json({ name: " a", workflow, photo_id: null }),
      other: json({ workflow, name: "b" }),
    },
    "/api/v1/share": { path: "/api/v1/share", ...share },
    "/api/v1/share/create": { path: "/api/v1/share/create", ...share },
    "/api/v1/generation/sessions": {
      path: "/api/v1/generation/sessions",
      first: json({ entry_type: "scratch", title: "Cafe\u0301" }),
      same: json({ title: "Café ", source_image_id: null, entry_type: "scratch" }),
      other: json({ entry_type: "scratch" }),
    },
    "/api/v1/generation/sessions/import": {
      path: "/api/v1/generation/sessions/import",
      first: archiveForm("one", archives[0]),
      same: archiveForm("another-boundary", archives[0]),
      other: archiveForm("one", archives[1]),
    },
    "/api/v1/generation/sessions/{id}/steps": {
      path: `/api/v1/generation/sessions/${session}/steps`,
      first: json({ prompt: "a", parameters }),
      same: json({ parameters: { seed: 1, model_key: model }, prompt: "a", parent_id: null }),
      other: json({ prompt: "a ", parameters }),
    },
    "/api/v1/generation/grids": {
      path: "/api/v1/generation/grids",
      first: json({ axes, step: { prompt: "a", parameters: { model_key: model } } }),
      same: json({ step: { parameters: { model_key: model }, prompt: "a" }, axes, title: null }),
      other: json({ axes, step: { prompt: "b", parameters: { model_key: model } } }),
    },
    "/api/v1/wordlists": {
      path: "/api/v1/wordlists",
      first: json({ name: "weather", entries: ["fog"] }),
      same: json({ entries: [" fog "], name: "weather" }),
      other: json({ name: "weather", entries: ["rain"] }),
      next: json({ name: "wind", entries: ["gust"] }),
    },
    "/api/v1/photos/{id}/upscale": {
      path: `/api/v1/photos/${photo}/upscale`,
      first: json({ scale: 2 }),
      same: json({ scale: 2 }),
      other: json({ scale: 3 }),
    },
    "/api/v1/photos/batch/upscale": {
      path: "/api/v1/photos/batch/upscale",
      first: json({ ids: [photo], scale: 2 }),
      same: json({ scale: 2, ids: [photo] }),
      other: json({ ids: [photo], to: 200 }),
    },
    "/api/v1/photos/{id}/reproduce": {
      path: `/api/v1/photos/${made}/reproduce`,
      first: json({}),
      same: json({}),
      other: { ...json({}), path: `/api/v1/photos/${madeToo}/reproduce` },
    },
    "/api/v1/photos/{id}/variations": {
      path: `/api/v1/photos/${drawn}/variations`,
      first: json({ count: 1, parameters: { steps: 5 } }),
      same: json({ parameters: { steps: 5 }, same_seed: false, count: 1 }),
      // An explicit null (no negative prompt) is not the same as an omitted field.
      other: json({ count: 1, negative_prompt: null, parameters: { steps: 5 } }),
    },
  };
});
afterAll(async () => {
  await api.close();
  await rm(folder, { recursive: true });
});

async function send(route: Route, { body, headers, path }: Sent, key: string) {
  const answer = await api.request(path ?? route.path, {
    method: "POST",
    body,
    headers: { ...headers, "idempotency-key": key },
  });
  return { status: answer.status, body: (await answer.json()) as Json };
}

async function keyedInDocument(): Promise<string[]> {
  const { paths } = (await (await api.request("/docs/json")).json()) as Json;
  return Object.entries(paths as Json).flatMap(([path, { post }]) =>
    JSON.stringify(post?.parameters ?? []).includes("IdempotencyKey") ? [path] : [],
  );
}

/** Without a body, a key has no other content. Tested with the routes of pods. */
const withoutBody = ["/api/v1/backend/pod/start"];

test("every POST of the document that takes an Idempotency-Key is tried here, if it has a body", async () => {
  const tried = [...Object.keys(routes), ...withoutBody];
  expect(tried.toSorted()).toEqual((await keyedInDocument()).toSorted());
});

describe("for every POST that creates something", () => {
  const each = async (promise: (route: Route, name: string) => Promise<void>) => {
    for (const [name, route] of Object.entries(routes)) await promise(route, name);
  };

  test("twenty concurrent requests with one key create one thing and get one answer", () =>
    each(async (route, name) => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          send(route, n % 2 === 0 ? route.first : route.same, "twenty"),
        ),
      );
      // Fields that are shown once are in one answer only.
      const bare = ({ body: { access_key: _k, url: _u, warning: _w, ...rest } }: Json) => rest;
      for (const answer of answers) {
        expect({ name, body: bare(answer) }).toEqual({ name, body: bare(answers[0]!) });
      }
      expect(answers.filter(({ body }) => body["access_key"]).length).toBeLessThanOrEqual(1);
      for (const { status } of answers) expect([200, 201, 202]).toContain(status);
    }));

  test("the same content in another form gets the first answer, other content gets 409", () =>
    each(async (route, name) => {
      const first = await send(route, route.first, "words");
      const again = await send(route, route.same, "words");
      expect({ name, id: again.body["id"] }).toEqual({ name, id: first.body["id"] });
      expect({ name, status: (await send(route, route.other, "words")).status }).toEqual({
        name,
        status: 409,
      });
    }));

  test("a refused request frees its key", () =>
    each(async (route, name) => {
      const refused = await send(route, { ...route.first, body: "{" }, "freed");
      expect({ name, refused: refused.status }).toEqual({ name, refused: 400 });
      const taken = await send(route, route.next ?? route.first, "freed");
      expect({ name, isTaken: taken.status < 300 }).toEqual({ name, isTaken: true });
    }));
});
