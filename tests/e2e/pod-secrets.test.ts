import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { openPodSecret } from "#activities/pods/secret";
import { createDiskStorage } from "#media/storage/disk";
import { listPodSessions } from "#db/queries/pods/sessions";
import { findLeaks } from "#tests/support/leaks";
import { startGallery } from "#tests/support/running-gallery";
import { startTemporalServer } from "#tests/support/temporal-server";
import { until } from "#tests/support/wait";
import { readIfThere } from "#tests/support/read-if-there";

const runpodKey = "rpa_MARKERKEY7F3A0000000000000000000000000000";
const huggingFace = "hf_marker_7f3a_of_a_token";
const notifySecret = "marker-7f3a-of-the-receiver";
/** Asked for with the token: its source is on Hugging Face. */
const source = "Lykon/dreamshaper-8";

const notices: Record<string, any>[] = [];
const receiver = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    if (!request.url.endsWith(notifySecret)) return new Response("", { status: 404 });
    notices.push((await request.json()) as Record<string, any>);
    // Those after the first fail, so that there are errors to look through.
    return new Response("", { status: notices.length > 1 ? 500 : 200 });
  },
});

let temporal: Awaited<ReturnType<typeof startTemporalServer>>;
let started: Awaited<ReturnType<typeof startGallery>>;
beforeAll(async () => {
  temporal = await startTemporalServer();
  started = await startGallery({
    temporalAddress: temporal.address,
    runpod: { keys: { [runpodKey]: "all" } },
    env: {
      RUNPOD_API_KEY: runpodKey,
      HF_TOKEN: huggingFace,
      NOTIFY_URL: `http://127.0.0.1:${receiver.port}/${notifySecret}`,
      LOG_LEVEL: "debug",
    },
  });
}, 150_000);
afterAll(async () => {
  await started.stack.stop();
  await temporal.stop();
  await receiver.stop(true);
}, 60_000);

const podIs = (wanted: string) =>
  until(
    `a pod that is ${wanted}`,
    async () => ((await started.gallery.get("/backend/status")).pod?.status ?? "none") === wanted,
    60_000,
  );

/** A pod's whole life, with faults in which a careless program would quote what it sent. */
async function liveThroughFaults(): Promise<void> {
  const { gallery, stack } = started;
  const { control } = stack.runpod;
  await gallery.post("/backend/mode", { mode: "remote" });
  await control.addFault({
    kind: "status",
    route: "createPod",
    status: 500,
    processed: true,
    times: 1,
  });
  await control.addFault({ kind: "html", route: "listPods", status: 502, times: 2 });
  await gallery.patch("/settings", { backend: { models: [source, "nobody/no-such-model"] } });
  await gallery.post("/backend/pod/start");
  await podIs("ready");
  const session = await gallery.createSession();
  const step = await gallery.requestStep(session.id, { parameters: { batch_size: 2 } });
  await gallery.stepIs(step.id, ["completed"]);
  await gallery.allRetrieved(step.id, 2);
  const refused = await control.addFault({ kind: "key_refused", key: runpodKey });
  await until("a refused key that is shown", async () => {
    const { last_error: error } = await gallery.get("/backend/status");
    return error?.includes("https://console.runpod.io");
  });
  expect(await control.struck(refused)).toBeGreaterThan(0);
  await until("a notice that is not accepted", () => notices.length > 1);
}

/** The answers of the API that have to do with pods, errors among them. */
async function answers(): Promise<Record<string, Buffer>> {
  const ofApi = [
    "backend/status",
    "backend/pod/sessions",
    "backend/offers",
    "settings",
    "openapi.json",
    "models",
    "models/installs",
    "models/starters",
    "generation/sessions",
    "photos",
  ];
  const found: Record<string, Buffer> = {};
  for (const path of ["metrics", "health/ready", ...ofApi.map((each) => `api/v1/${each}`)]) {
    const answer = await fetch(new URL(path, started.api.url));
    found[path] = Buffer.from(await answer.text());
  }
  return found;
}

/** Every table of the database. */
async function tables(): Promise<Record<string, Buffer>> {
  const { db } = started.stack.database;
  const names = await db.execute<{ tablename: string }>(
    sql`select tablename from pg_tables where schemaname = 'public'`,
  );
  const found: Record<string, Buffer> = {};
  for (const { tablename } of names) {
    const rows = await db.execute(sql`select * from ${sql.identifier(tablename)}`);
    found[tablename] = Buffer.from(JSON.stringify(rows));
  }
  return found;
}

/** The data folder without the one file that has the secret. */
async function files(): Promise<Record<string, Buffer>> {
  const found: Record<string, Buffer> = {};
  const { dataDir } = started.stack;
  for (const entry of await readdir(dataDir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === "pod-secret") continue;
    found[entry.name] = await readIfThere(join(entry.parentPath, entry.name));
  }
  return found;
}

/** What the provider knows of a pod, as text. */
async function readPod(podId: string): Promise<string> {
  const { url, control } = started.stack.runpod;
  await control.clearFaults();
  const headers = { authorization: `Bearer ${runpodKey}` };
  return (await fetch(`${url}/v2/pods/${podId}`, { headers })).text();
}

test("keys, tokens and passwords of rented pods are nowhere but where they belong: rows, histories, Temporal's database, logs, answers, metrics, files, pods", async () => {
  const { api, worker, stack } = started;
  await liveThroughFaults();
  const [session] = await listPodSessions(stack.database.db, { limit: 1 });
  const secret = await openPodSecret(stack.dataDir, createDiskStorage(stack));
  const ofPod = {
    guard: secret.beatTokenOf(session!.id),
    administrator: secret.administratorOf(session!.place).password,
  };
  const secrets = {
    runpodKey,
    huggingFace,
    notifySecret,
    ...ofPod,
    file: (await readFile(join(stack.dataDir, "pod-secret"), "utf8")).trim(),
  };
  const everywhere = {
    ...(await answers()),
    ...(await tables()),
    ...(await files()),
    temporal: await temporal.readDatabase(),
    worker: Buffer.from(worker.output()),
    api: Buffer.from(api.output()),
    notices: Buffer.from(JSON.stringify(notices)),
  };
  const leaks = Object.entries(everywhere).flatMap(([where, bytes]) =>
    findLeaks(bytes, secrets).map((name) => `${name} in ${where}`),
  );
  expect(leaks).toEqual([]);

  // The pod has what its guard needs, and nothing of the account's.
  const pod = await readPod(session!.podId!);
  expect(findLeaks(Buffer.from(pod), secrets).toSorted()).toEqual(["administrator", "guard"]);

  // Each was used, and the search finds what is there: otherwise all of this would prove nothing.
  const { calls } = await stack.runpod.control.state();
  expect(calls.filter(({ key }) => key === "all").length).toBeGreaterThan(5);
  const invokeai = await stack.runpod.control.invokeAi(session!.podId!);
  expect((await invokeai.state()).requests.installModel).toBeGreaterThan(0);
  expect(worker.output()).toContain("notice not sent");
  expect(everywhere.temporal.includes("invokeai-backend")).toBe(true);
  expect(findLeaks(everywhere.temporal, { id: stack.installationId })).toEqual(["id"]);
}, 240_000);
