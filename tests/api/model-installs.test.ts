import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { putInForce } from "#db/queries/backends/in-force";
import { endInstall, findInstall } from "#db/queries/models/installs";
import { saveStarterList } from "#db/queries/models/starters";
import { modelInstalls } from "#db/schema/model-installs";
import { createTestApi, type TestApi } from "#tests/support/api";
import { insertModel } from "#tests/support/rows";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
});
beforeEach(async () => {
  await inForce("local");
  api.temporal.calls.length = 0;
});
afterAll(() => api.close());

const db = () => api.deps.database.db;
const inForce = (place: string) => db().transaction((tx) => putInForce(tx, place));
const newSource = () => `owner/${crypto.randomUUID()}`;
const ask = (source: string, headers = {}) =>
  api.call("POST", "/models/install", { source }, headers);

test("an install is accepted with 202 and its run is started, whether or not the workflow service answers", async () => {
  const source = newSource();
  const [status, install] = await ask(source);
  expect(status).toBe(202);
  expect(install).toMatchObject({
    source,
    place: "local",
    status: "pending",
    bytes: 0,
    progress_message: "Waiting for the worker.",
    workflow_url: `http://temporal.test/model-install%2F${install.id}`,
  });
  expect(api.temporal.calls).toEqual([["installChanged", install.id]]);
  expect(await api.call("GET", `/models/installs/${install.id}`)).toEqual([200, install]);
  api.temporal.isAway = true;
  expect((await ask(newSource()))[0]).toBe(202);
  api.temporal.isAway = false;
});

test("an install on a rented GPU also wakes what rents one", async () => {
  await inForce("volume:v1");
  const [, install] = await ask(newSource());
  expect(install.place).toBe("volume:v1");
  expect(api.temporal.calls).toContainEqual(["backendChanged"]);
});

test("the same source at the same place is one install while it is open or its model is installed", async () => {
  const source = newSource();
  const [[, first], [, second]] = await Promise.all([ask(source), ask(` ${source} `)]);
  expect(second.id).toBe(first.id);
  await inForce("volume:v2");
  expect((await ask(source))[1].id).not.toBe(first.id);
  await inForce("local");

  const model = await insertModel(db());
  const row = (await findInstall(db(), first.id))!;
  const ending = { status: "completed", modelKey: model.key } as const;
  await endInstall(db(), { seen: row, ending, now: new Date() });
  const [status, known] = await ask(source);
  expect([status, known]).toMatchObject([202, { id: first.id, model_key: model.key }]);
  await api.deps.database.db.execute(`delete from model_places where key = '${model.key}'`);
  expect((await ask(source))[1]).toMatchObject({ status: "pending" });
});

test("a request that is repeated with its key is the same install, also after it has ended", async () => {
  const source = newSource();
  const headers = { "idempotency-key": source };
  const [, first] = await ask(source, headers);
  const row = (await findInstall(db(), first.id))!;
  await endInstall(db(), { seen: row, ending: { status: "failed", error: "x" }, now: new Date() });
  expect((await ask(source, headers))[1].id).toBe(first.id);
  expect((await ask(source))[1].id).not.toBe(first.id);
});

test("what is no source is refused with the field, and nothing is written", async () => {
  const before = await db().$count(modelInstalls);
  for (const source of ["/srv/models/a.safetensors", "https://a:b@example.org/a", "owner", " "]) {
    const [status, body] = await ask(source);
    expect([source, status, body.error.code]).toEqual([source, 400, "validation_error"]);
    expect(body.error.details.errors).toMatchObject([{ path: "source" }]);
  }
  expect(await db().$count(modelInstalls)).toBe(before);
});

test("installs are listed newest first, page by page", async () => {
  const asked: string[] = [];
  for (let at = 0; at < 3; at += 1) {
    const [, { id }] = await ask(newSource());
    const createdAt = new Date(Date.UTC(2030, 0, 1, 0, at));
    await db().update(modelInstalls).set({ createdAt }).where(eq(modelInstalls.id, id));
    asked.unshift(id);
  }
  const [, first] = await api.call("GET", "/models/installs?limit=2");
  const [, second] = await api.call("GET", `/models/installs?limit=2&cursor=${first.next_cursor}`);
  const ids = [...first.items, ...second.items].map(({ id }: { id: string }) => id);
  expect(ids.slice(0, 3)).toEqual(asked);
  expect(first.total).toBe(await db().$count(modelInstalls));
});

test("an open install can be cancelled, an ended one is 409, an unknown one 404", async () => {
  const [, { id }] = await ask(newSource());
  api.temporal.calls.length = 0;
  const cancel = () => api.call("POST", `/models/installs/${id}/cancel`);
  expect((await cancel())[0]).toBe(202);
  expect(api.temporal.calls).toEqual([["installChanged", id]]);
  const row = (await findInstall(db(), id))!;
  expect(row.cancelRequestedAt).not.toBeNull();
  await endInstall(db(), { seen: row, ending: { status: "cancelled" }, now: new Date() });
  expect(await cancel()).toMatchObject([202, { status: "cancelled" }]);

  const [, other] = await ask(newSource());
  const failed = (await findInstall(db(), other.id))!;
  await endInstall(db(), {
    seen: failed,
    ending: { status: "failed", error: "No such model." },
    now: new Date(),
  });
  const [status, body] = await api.call("POST", `/models/installs/${other.id}/cancel`);
  expect([status, body.error.code]).toEqual([409, "conflict"]);
  const [, shown] = await api.call("GET", `/models/installs/${other.id}`);
  expect(shown).toMatchObject({ status: "failed", error: "No such model." });
  expect(shown.progress_message).toBeUndefined();
  const unknown = `/models/installs/${crypto.randomUUID()}`;
  expect((await api.call("GET", unknown))[0]).toBe(404);
  expect((await api.call("POST", `${unknown}/cancel`))[0]).toBe(404);
});

test("a cancel that the owner has withdrawn does not end the install", async () => {
  const source = newSource();
  const [, { id }] = await ask(source);
  await api.call("POST", `/models/installs/${id}/cancel`);
  const seen = (await findInstall(db(), id))!;
  expect((await ask(source))[1].id).toBe(id);
  const now = new Date();
  expect(await endInstall(db(), { seen, ending: { status: "cancelled" }, now })).toBeUndefined();
});

test("starter models are those of the place in force, with the time when they were read", async () => {
  const empty = { models: [], bundles: [], last_updated: null };
  expect(await api.call("GET", "/models/starters")).toEqual([200, empty]);
  const model = {
    name: "Dreamshaper 8",
    source: "Lykon/dreamshaper-8",
    base: "sd-1",
    type: "main",
    description: "Versatile.",
    dependencies: [],
  };
  const readAt = new Date("2030-01-02T03:04:05.678Z");
  await saveStarterList(db(), {
    place: "remote",
    models: [{ ...model, isInstalled: false }],
    bundles: [{ name: "sd-1", sources: [model.source] }],
    readAt,
  });
  expect(await api.call("GET", "/models/starters")).toEqual([200, empty]);
  await inForce("pod:018f6d2c-7b1a-7c3e-9a51-3f2b8c4d5e6f");
  expect(await api.call("GET", "/models/starters")).toEqual([
    200,
    {
      models: [{ ...model, is_installed: false }],
      bundles: [{ name: "sd-1", sources: [model.source] }],
      last_updated: readAt.toISOString(),
    },
  ]);
});
