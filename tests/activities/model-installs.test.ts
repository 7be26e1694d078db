import { afterAll, beforeEach, expect, test } from "bun:test";
import { inspect } from "node:util";
import { requestInstall, requestInstallCancel } from "#db/queries/models/install-requests";
import { changeInstall, findInstall } from "#db/queries/models/installs";
import { findModel } from "#db/queries/models/models";
import { createActivityBench } from "#tests/support/activities";

const token = "hf_marker_of_a_token";
const bench = await createActivityBench({ HF_TOKEN: token });
const { db } = bench;
const { control, url } = bench.simulator;
const graceMs = 100;
/** Time-outs of the bench, and the grace period. */
const inDoubtMs = 2_000 + graceMs;

const dreamshaper = "Lykon/dreamshaper-8";
const juggernaut = "RunDiffusion/Juggernaut-XL-v9";
const clip = "InvokeAI/clip-vit-large-patch14-text-encoder::bfloat16";
const t5 = "InvokeAI/t5-v1_1-xxl::bnb_llm_int8";

const ownSource = () => `https://example.org/${crypto.randomUUID()}.safetensors`;

beforeEach(async () => {
  await control.clearFaults();
  bench.clock.now = null;
});
afterAll(() => bench.close());

async function request(source: string, place = "local"): Promise<string> {
  const id = crypto.randomUUID();
  const row = await requestInstall(db, {
    id,
    place,
    source,
    podSessionId: null,
    now: new Date(),
  });
  return row.id;
}

const tend = (installId: string) => bench.run("tendInstall", { installId, graceMs });
const rowOf = async (id: string) => (await findInstall(db, id))!;

/** Takes steps until the install has ended. */
async function finish(installId: string) {
  for (let steps = 0; steps < 500; steps += 1) {
    if ((await tend(installId)).next === "over") return rowOf(installId);
    await Bun.sleep(2);
  }
  throw new Error("the install does not end");
}

const countPosts = async () => (await control.state()).requests.installModel ?? 0;

type Job = {
  id: number;
  status: string;
  source: { repo_id?: string; url?: string; access_token: string | null };
};
const listJobs = async (): Promise<Job[]> =>
  (await fetch(new URL("/api/v2/models/install", url))).json() as Promise<Job[]>;

/** Moves the time past the in-doubt period of what was sent until now. */
const passDoubt = () => {
  bench.clock.now = new Date((bench.clock.now ?? new Date()).getTime() + inDoubtMs + 1);
};

test("an install shows its progress, and its model is in the list once it has completed", async () => {
  await control.addFault({ kind: "install_held", source: dreamshaper });
  const id = await request(dreamshaper);
  expect(await rowOf(id)).toMatchObject({ status: "pending", jobId: null });
  expect(await tend(id)).toMatchObject({ status: "installing", next: "later" });
  await control.until(({ heldInstalls }) => heldInstalls.length === 1);
  await tend(id);
  expect(await rowOf(id)).toMatchObject({
    status: "processing",
    bytes: 0,
    totalBytes: 2_132_625_894,
    backend: "local",
  });
  await control.release();
  const done = await finish(id);
  expect(done).toMatchObject({ status: "completed", bytes: 2_132_625_894, error: null });
  expect(await findModel(db, done.modelKey!)).toMatchObject({
    name: "Dreamshaper 8",
    isAvailable: true,
  });
  const types = await bench.sql`
    select type from events
    where data ->> 'install_id' = ${id} and type <> 'model.install.progress' order by id`;
  expect(types.map(({ type }) => type)).toEqual([
    "model.install.requested",
    "model.install.started",
    "model.install.completed",
  ]);
});

test("each tenth of a download is an event", async () => {
  const id = await request(ownSource());
  const seen = (await changeInstall(db, { seen: await rowOf(id), set: { status: "processing" } }))!;
  let row = seen;
  for (const bytes of [0, 50, 99, 100, 350, 355, 1_000]) {
    row = (await changeInstall(db, { seen: row, set: { bytes, totalBytes: 1_000 } }))!;
  }
  const progress = await bench.sql`
    select data ->> 'bytes' as bytes from events
    where data ->> 'install_id' = ${id} and type = 'model.install.progress' order by id`;
  expect(progress.map(({ bytes }) => Number(bytes))).toEqual([100, 350, 1_000]);
});

test("a model that InvokeAI has, from whomever, is not installed again", async () => {
  const [before, id] = [await countPosts(), await request(`${dreamshaper}:fp16`)];
  expect(await finish(id)).toMatchObject({ status: "completed", jobId: null });
  expect(await countPosts()).toBe(before);
});

test("an install whose answer was lost is looked for, and makes no second job", async () => {
  const before = await countPosts();
  await control.addFault({ kind: "install_held", source: clip });
  await control.addFault({ kind: "answer_lost", route: "installModel", times: 1 });
  const id = await request(clip);
  await tend(id);
  expect(await rowOf(id)).toMatchObject({ status: "processing", jobId: null });
  await tend(id);
  expect((await rowOf(id)).jobId).not.toBeNull();
  await control.release();
  expect(await finish(id)).toMatchObject({ status: "completed" });
  expect(await countPosts()).toBe(before + 1);
});

test("an install that never arrived is sent again only after it can no longer arrive", async () => {
  const before = await countPosts();
  await control.addFault({ kind: "unreachable", route: "installModel", times: 1 });
  const id = await request(t5);
  await tend(id);
  await tend(id);
  expect(await countPosts()).toBe(before + 1);
  passDoubt();
  expect(await finish(id)).toMatchObject({ status: "completed", tries: 2 });
});

test("of two workers that do the same step one sends the install", async () => {
  await control.addFault({ kind: "install_held", source: juggernaut });
  const before = await countPosts();
  const id = await request(juggernaut);
  await Promise.all([tend(id), tend(id), tend(id)]);
  expect(await countPosts()).toBe(before + 1);
  await control.until(({ heldInstalls }) => heldInstalls.length === 1);

  // InvokeAI is restarted in mid download: it takes the job up under another id.
  const [other] = await listJobs();
  await control.restart();
  await control.clearFaults();
  expect(other).toBeDefined();
  expect(await finish(id)).toMatchObject({ status: "completed", tries: 1 });
  expect(await countPosts()).toBe(before + 1);
});

test("a job that InvokeAI forgot with its restart is sent again", async () => {
  const source = ownSource();
  await control.addFault({ kind: "install_held" });
  const id = await request(source);
  await tend(id);
  // A bad source ends its job at once, and a restart forgets it.
  await control.restart();
  await tend(id);
  expect(await rowOf(id)).toMatchObject({ status: "processing", jobId: null });
  passDoubt();
  expect(await finish(id)).toMatchObject({ status: "failed", tries: 2 });
});

test("a source that InvokeAI refuses, or cannot download, fails with what to do", async () => {
  const refused = await finish(await request("nobody/no-such-model"));
  expect(refused).toMatchObject({ status: "failed", tries: 1 });
  expect(refused.error).toContain("found no model at this source");
  expect(refused.error).toContain("HF_TOKEN");
  const away = await finish(await request(ownSource()));
  expect(away.error).toContain("could not be reached");
  const inner = await finish(await request("http://127.0.0.1:1/model.safetensors"));
  expect(inner.error).toContain("private addresses");
  const unreadable = await finish(await request("/srv/models/model.safetensors"));
  expect(unreadable.error).toContain("neither a repository");
  await control.addFault({ kind: "install_failure", errorReason: "InvalidModelConfigException" });
  expect((await finish(await request(ownSource()))).error).toContain("this kind of model");
});

test("while Hugging Face is away an install is sent several times, and fails then", async () => {
  await control.addFault({ kind: "hub_away" });
  const before = await countPosts();
  const id = await request("someone/another-model");
  for (let tries = 0; tries < 5; tries += 1) {
    await tend(id);
    passDoubt();
  }
  expect(await rowOf(id)).toMatchObject({ status: "processing", tries: 5 });
  expect(await finish(id)).toMatchObject({ status: "failed" });
  expect(await countPosts()).toBe(before + 5);
});

test("the token goes to InvokeAI with sources on Hugging Face only, and nowhere else", async () => {
  const ours = `https://huggingface.co/owner/${crypto.randomUUID()}/resolve/main/a.safetensors`;
  const sources = [
    ours,
    ownSource(),
    `http://huggingface.co/${crypto.randomUUID()}`,
    `https://huggingface.co.example.org/${crypto.randomUUID()}`,
  ];
  for (const source of sources) await finish(await request(source));
  const jobs = await listJobs();
  const tokenOf = (source: string) => jobs.find((job) => job.source.url === source)?.source;
  expect(tokenOf(ours)?.access_token).toBe(token);
  for (const source of sources.slice(1)) expect(tokenOf(source)?.access_token).toBeNull();

  await control.addFault({ kind: "unreachable", route: "installModel" });
  const installs = [await request(ours.replace("a.safe", "b.safe")), await request("owner/name")];
  const views = [];
  for (const id of installs) views.push(await tend(id));
  const rejection = await bench.invokeai
    .startInstall({ source: "owner/name", huggingFaceToken: token })
    .catch((error: unknown) => error);
  expect(rejection).toBeInstanceOf(Error);
  const rows = await bench.sql`select to_jsonb(model_installs) as row from model_installs`;
  const events = await bench.sql`select data from events`;
  expect(inspect({ rejection, views, rows, events }, { depth: 20 })).not.toContain(token);
});

test("a cancelled install is cancelled at InvokeAI; one that was not sent ends without a call", async () => {
  const source = ownSource();
  await control.addFault({ kind: "request_held", route: "installModel", outlivesClient: true });
  const unsent = await request(source);
  await requestInstallCancel(db, { id: unsent, now: new Date() });
  const before = await countPosts();
  expect(await finish(unsent)).toMatchObject({ status: "cancelled", tries: 0 });
  expect(await countPosts()).toBe(before);
  await control.clearFaults();

  const { key } = (await bench.sql`select key from models where name = 'Dreamshaper 8'`)[0]!;
  await control.removeModel(key);
  await bench.run("syncModels", {});
  await control.addFault({ kind: "install_held", source: dreamshaper });
  const sent = await request(dreamshaper);
  await tend(sent);
  await control.until(({ heldInstalls }) => heldInstalls.length === 1);
  await requestInstallCancel(db, { id: sent, now: new Date() });
  expect(await finish(sent)).toMatchObject({ status: "cancelled", error: null });
  const jobs = await listJobs();
  expect(jobs.findLast(({ source: { repo_id } }) => repo_id === dreamshaper)?.status).toBe(
    "cancelled",
  );
});

test("a cancel of an install whose job may still appear waits for it", async () => {
  const source = ownSource();
  await control.addFault({ kind: "unreachable", route: "installModel", times: 1 });
  const id = await request(source);
  await tend(id);
  await requestInstallCancel(db, { id, now: new Date() });
  expect(await tend(id)).toMatchObject({ next: "later" });
  passDoubt();
  expect(await tend(id)).toMatchObject({ status: "cancelled", next: "over" });
});

test("one source at one place is one install, until it has ended; asking again withdraws a cancel", async () => {
  const source = ownSource();
  const id = await request(source);
  await requestInstallCancel(db, { id, now: new Date() });
  expect(await request(source)).toBe(id);
  expect(await rowOf(id)).toMatchObject({ cancelRequestedAt: null });
  expect(await request(source, "volume:v")).not.toBe(id);
  await finish(id);
  expect(await request(source)).not.toBe(id);
});

test("an install for a place that is not running waits, and says for what", async () => {
  const id = await request(ownSource(), "volume:v1");
  const error = await tend(id).catch((thrown: unknown) => thrown);
  expect(String(error)).toContain("No GPU is rented");
  const row = await rowOf(id);
  expect(row).toMatchObject({ status: "pending" });
  expect(row.message).toContain("No GPU is rented");
});

test("what InvokeAI offers is stored with the models; a failure keeps the last list", async () => {
  const stored = async () =>
    (await bench.sql`select models, bundles from starter_lists where place = 'local'`)[0]!;
  const { models, bundles } = await stored();
  expect(models).toContainEqual(
    expect.objectContaining({ source: juggernaut, base: "sdxl", dependencies: [] }),
  );
  expect(bundles).toContainEqual({ name: "sdxl", sources: [juggernaut] });
  await control.addFault({ kind: "not_found", route: "starterModels" });
  expect(await bench.run("syncModels", {})).toMatchObject({ modelsCount: expect.any(Number) });
  expect(await stored()).toEqual({ models, bundles });
});
