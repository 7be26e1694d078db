import { afterAll, beforeEach, expect, test } from "bun:test";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deleteGoneWorkers, findServed, noteWorkerStops } from "#db/queries/installation/workers";
import { askForTurn } from "#db/queries/line/turns";
import { workers } from "#db/schema/workers";
import { createTestApi } from "#tests/support/api";
import { insertModel, insertWorker } from "#tests/support/rows";

const root = await realpath(await mkdtemp(join(tmpdir(), "gallery-roots-")));
const api = await createTestApi({ IMPORT_ROOTS: root });
const { db } = api.deps.database;
const { key: modelKey } = await insertModel(db);

beforeEach(async () => {
  await db.delete(workers);
});
afterAll(async () => {
  await api.close();
  await rm(root, { recursive: true, force: true });
});

async function readiness() {
  const response = await api.request("/health/ready");
  const { status, worker } = (await response.json()) as { status: string; worker: string };
  return { status, worker };
}

const requestImport = (path: string) => api.call("POST", "/photos/import", { path });
const importMessage = async (id: string) =>
  (await api.call("GET", `/photos/imports/${id}`))[1].progress_message;

test("health names each role that no running worker has, however the roles are spread", async () => {
  expect(await readiness()).toEqual({
    status: "degraded",
    worker: "none is running; generation requests wait",
  });
  await insertWorker(db, { roles: ["generation"] });
  expect(await readiness()).toEqual({
    status: "degraded",
    worker:
      "none with the role images is running; images are not fetched, and folders not imported. none with the role housekeeping is running; nothing is swept, purged or backed up",
  });
  await insertWorker(db, { roles: ["images", "housekeeping"] });
  expect(await readiness()).toEqual({ status: "ok", worker: "ok" });
});

test("a worker that is not seen for half a minute serves nothing, nor does one that has stopped", async () => {
  await insertWorker(db, {}, 20);
  expect((await readiness()).worker).toBe("ok");
  await db.delete(workers);
  await insertWorker(db, {}, 31);
  expect((await readiness()).worker).toStartWith("none is running");
  const stopped = await insertWorker(db);
  await noteWorkerStops(db, stopped);
  expect((await readiness()).worker).toStartWith("none is running");
});

test("a step that waits for a worker that can reach InvokeAI says so", async () => {
  const [, session] = await api.call("POST", "/generation/sessions", { entry_type: "scratch" });
  const [, step] = await api.call("POST", `/generation/sessions/${session.id}/steps`, {
    prompt: "a lighthouse",
    parameters: { model_key: modelKey },
  });
  const now = new Date();
  await askForTurn(db, { owner: { stepId: step.id }, checkedSince: now, now, timeZone: "UTC" });
  const message = async () =>
    (await api.call("GET", `/generation/steps/${step.id}`))[1].progress_message;
  const other = await insertWorker(db, { roles: ["images"] });
  expect(await message()).toContain("No running worker has the role generation");
  await insertWorker(db, { roles: ["generation"] });
  expect(await message()).not.toContain("No running worker");
  await noteWorkerStops(db, other);
  expect(await message()).not.toContain("No running worker");
});

test("a folder of another machine is imported by the worker that has its root, and waits for it", async () => {
  const worker = await insertWorker(db, { importRoots: ["/mnt/of-a-worker"] });
  const [status, taken] = await requestImport("/mnt/of-a-worker/2026/");
  expect([status, taken.folder, taken.progress_message]).toEqual([
    202,
    "2026",
    "Waiting for the worker.",
  ]);
  await noteWorkerStops(db, worker);
  // No worker at all: health says so.
  expect(await importMessage(taken.id)).toBe("Waiting for the worker.");
  await insertWorker(db);
  expect(await importMessage(taken.id)).toStartWith("No running worker can read this folder");
  // It may be restarting.
  expect((await requestImport("/mnt/of-a-worker/2027"))[0]).toBe(202);
});

test("a folder of this machine waits for a worker with the same root", async () => {
  const [, taken] = await requestImport(root);
  await insertWorker(db);
  expect(await importMessage(taken.id)).toStartWith("No running worker can read this folder");
  await insertWorker(db, { importRoots: [root] });
  expect(await importMessage(taken.id)).toBe("Waiting for the worker.");
});

test("no path beside a worker's roots is taken, and roots of a worker that is gone for a day are forgotten", async () => {
  await insertWorker(db, { importRoots: ["/mnt/of-a-worker"] }, 23 * 3_600);
  await insertWorker(db, { importRoots: ["/mnt/long-gone"] }, 25 * 3_600);
  await deleteGoneWorkers(db);
  expect([...(await findServed(db)).knownImportRoots]).toEqual(["/mnt/of-a-worker"]);
  for (const path of ["/mnt/of-a-worker/../etc", "/mnt/of-a-worker-too", "/mnt/long-gone"]) {
    const [status, body] = await requestImport(path);
    expect([path, status, body.error.code]).toEqual([path, 403, "forbidden"]);
    expect(JSON.stringify(body)).not.toContain("/mnt");
  }
});
