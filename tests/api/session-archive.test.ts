import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "bun:test";
import { events } from "#db/schema/events";
import { photos } from "#db/schema/photos";
import { sessions } from "#db/schema/sessions";
import { slots, steps } from "#db/schema/steps";
import { sha256Of } from "#sha256";
import { createTestApi, type TestApi } from "#tests/support/api";
import { exportOf, importInto, makeGenerated, makeSession } from "#tests/support/made-session";
import { readZip } from "#tests/support/zip";
import { upload, formOf } from "#tests/support/uploads";

type Json = Record<string, any>;

const here = await createTestApi();
const made = await makeSession(here);
const archive = await exportOf(here, made.id);
afterAll(() => here.close());

async function elsewhere(): Promise<TestApi & AsyncDisposable> {
  const api = await createTestApi();
  return { ...api, [Symbol.asyncDispose]: api.close };
}

async function get(api: TestApi, path: string): Promise<Json> {
  const response = await api.request(`/api/v1${path}`, { headers: { accept: "application/json" } });
  return (await response.json()) as Json;
}

/** What the routes return of a session, without fields that belong to one installation. */
async function read(api: TestApi, id: string) {
  const { latest_image: _latest, ...session } = await get(api, `/generation/sessions/${id}`);
  const { items } = await get(api, `/generation/sessions/${id}/steps`);
  const { items: images } = await get(api, `/photos?session_id=${id}&limit=100`);
  const lineage = await get(api, `/photos/${made.upload}/lineage`);
  const { invoke_id: _name, ...source } = await get(api, `/photos/${made.source}`);
  return {
    session,
    steps: items,
    images: images.map(({ invoke_id: _invoke, ...image }: Json) => image),
    source,
    upload: await get(api, `/photos/${made.upload}`),
    metadata: await get(api, `/photos/${made.favourite}/metadata`),
    lineage: {
      edges: lineage.edges.filter((edge: Json) => edge.to !== made.trashed),
      nodes: lineage.nodes.map(({ purged: _purged, ...node }: Json) => node),
    },
  };
}

async function counts(api: TestApi) {
  const { db } = api.deps.database;
  const tables = { photos, sessions, steps, slots, events };
  const rows: Record<string, number> = { files: (await api.files()).length };
  for (const [name, table] of Object.entries(tables)) rows[name] = await db.$count(table);
  return rows;
}

const hashOf = async (api: TestApi, id: string) =>
  sha256Of(await (await api.request(`/api/v1/photos/${id}`)).bytes());

test("an archive contains each existing original, and a document that a person can read", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gallery-archive-"));
  try {
    const path = join(folder, "session.zip");
    await Bun.write(path, archive);
    const entries = await readZip(path);
    expect(entries.map(({ name }) => name)).toEqual([
      "session.json",
      "images/source-1.png",
      "images/source-2.png",
      "images/001-1.png",
      "images/001-3.png",
      "images/002-1.png",
    ]);
    expect(entries[3]?.sha256).toBe(await hashOf(here, made.chosen));
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("an archive imported into an empty installation is the same session: ids, prompts, selections, lineage and files", async () => {
  await using there = await elsewhere();
  const { status, body } = await importInto(there, archive);
  expect({ status, body }).toMatchObject({ status: 201, body: { id: made.id, steps_count: 3 } });

  const [before, after] = [await read(here, made.id), await read(there, made.id)];
  expect(before.session.status).toBe("active");
  // Images in the trash are not exported.
  before.steps[0].images_retrieved = 2;
  expect(after).toEqual({
    ...before,
    session: { ...before.session, status: "completed", completed_at: expect.any(String) },
  });
  for (const id of [made.upload, made.source, made.chosen, made.favourite]) {
    expect(await hashOf(there, id)).toBe(await hashOf(here, id));
    const thumbnail = await there.request(`/api/v1/photos/${id}/thumbnail`);
    expect(thumbnail.headers.get("content-type")).toBe("image/webp");
  }
  const nodes = (await get(there, `/photos/${made.upload}/lineage`)).nodes as Json[];
  expect(nodes.find((node) => node.photo_id === made.trashed)).toMatchObject({ purged: true });
  // The imported photo is found by the search, too.
  expect((await get(there, "/photos?q=%C3%A9t%C3%A9")).items).toHaveLength(1);
  expect((await there.request(`/api/v1/generation/steps/${made.first.id}`)).status).toBe(200);
  expect(there.temporal.calls).toEqual([]);
  // The imported session can be exported again.
  await using third = await elsewhere();
  expect((await importInto(third, await exportOf(there, made.id))).status).toBe(201);
  expect((await read(third, made.id)).steps).toEqual(after.steps);
}, 60_000);

test("an archive sent twice, also at the same time, gives one session", async () => {
  await using there = await elsewhere();
  const both = await Promise.all([importInto(there, archive), importInto(there, archive)]);
  expect(new Set(both.map(({ status }) => status))).toEqual(new Set([200, 201]));
  const once = await counts(there);
  const { status, body } = await importInto(there, archive);
  expect({ status, body }).toEqual({ status: 200, body: both[0].body });
  expect(await counts(there)).toEqual(once);
}, 60_000);

test("an existing session is not changed", async () => {
  const before = await counts(here);
  expect((await importInto(here, archive)).status).toBe(200);
  expect(await counts(here)).toEqual(before);
});

test("a deleted session is restored by an import; what remained of it is not duplicated", async () => {
  await using api = await elsewhere();
  await importInto(api, archive);
  const before = await read(api, made.id);
  await api.request(`/api/v1/generation/sessions/${made.id}`, { method: "DELETE" });
  const purge = (id: string) =>
    api.request(`/api/v1/photos/${id}?permanent=true`, { method: "DELETE" });
  // The selected image is the source of another, so its purge keeps the row; that of the favourite removes it. The rest
  // remains or is in the trash.
  for (const id of [made.chosen, made.second.images[0]!])
    expect((await purge(id)).status).toBe(204);
  expect((await importInto(api, archive)).status).toBe(201);
  const after = await read(api, made.id);
  expect(after).toEqual({
    ...before,
    session: { ...after.session, status: "completed" },
    images: expect.any(Array),
    metadata: expect.anything(),
  });
  const idsOf = (list: Json[]) => new Set(list.map(({ id }) => id as string));
  expect(idsOf(after.images)).toEqual(idsOf(before.images));
  expect(await hashOf(api, made.chosen)).toBe(await hashOf(here, made.chosen));
}, 60_000);

test("an upload that exists under another id is not duplicated: the lineage begins with it", async () => {
  await using there = await elsewhere();
  const bytes = Buffer.from(
    await (await here.request(`/api/v1/photos/${made.upload}`)).arrayBuffer(),
  );
  const { body } = await upload(there, formOf([{ bytes, name: "mine.png" }]));
  expect((await importInto(there, archive)).status).toBe(201);
  const { edges } = await get(there, `/photos/${made.favourite}/lineage`);
  expect(edges).toContainEqual(expect.objectContaining({ from: body.id, to: made.source }));
  expect((await there.request(`/api/v1/photos/${made.upload}`)).status).toBe(404);
}, 60_000);

describe("an id that belongs to something else here is a conflict that names it", () => {
  test("of a photo", async () => {
    await using there = await elsewhere();
    const id = made.favourite;
    await makeGenerated(there, { id });
    const before = await counts(there);
    const { status, body } = await importInto(there, archive);
    expect({ status, body }).toMatchObject({ status: 409, body: { error: { details: { id } } } });
    expect(body.error.message).toContain(id);
    expect(await counts(there)).toEqual(before);
  }, 60_000);
});

test("a repeated Idempotency-Key gets the first answer", async () => {
  await using there = await elsewhere();
  const key = { "idempotency-key": "an-evening" };
  expect((await importInto(there, archive, key)).status).toBe(201);
  expect((await importInto(there, archive, key)).status).toBe(201);
  expect(await there.deps.database.db.$count(sessions)).toBe(1);
}, 60_000);

test("a session with a running step is not exported yet", async () => {
  const { db } = here.deps.database;
  const opened = await here.postJson("/api/v1/generation/sessions", { entry_type: "scratch" });
  const { id } = (await opened.json()) as Json;
  const [{ modelKey } = { modelKey: "" }] = await db.select().from(steps).limit(1);
  await here.postJson(`/api/v1/generation/sessions/${id}/steps`, {
    prompt: "x",
    parameters: { model_key: modelKey },
  });
  const response = await here.request(`/api/v1/generation/sessions/${id}/export`);
  expect(response.status).toBe(409);
});
