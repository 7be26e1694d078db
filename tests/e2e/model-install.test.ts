import { afterAll, afterEach, expect, test } from "bun:test";
import { modelInstallId } from "#workflows/model-install/contract";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

const token = "hf_marker_of_a_token";
const started = await startGallery({ env: { HF_TOKEN: token } });
const { stack, gallery } = started;
let { worker } = started;
const { control } = stack.invokeai;

afterEach(() => control.clearFaults());
afterAll(() => stack.stop(), 30_000);

const dreamshaper = "Lykon/dreamshaper-8";
const juggernaut = "RunDiffusion/Juggernaut-XL-v9";
const t5 = "InvokeAI/t5-v1_1-xxl::bnb_llm_int8";
const clip = "InvokeAI/clip-vit-large-patch14-text-encoder::bfloat16";

const install = (source: string) => gallery.post("/models/install", { source });
const countPosts = async () => (await control.state()).requests.installModel ?? 0;

function installIs(id: string, statuses: string[]) {
  return until(
    `an install that is ${statuses.join(" or ")}`,
    async () => {
      const seen = await gallery.get(`/models/installs/${id}`);
      return statuses.includes(seen.status) && seen;
    },
    60_000,
  );
}

async function hold(source: string): Promise<void> {
  await control.addFault({ kind: "install_held", source });
}

const isHeld = (source: string) =>
  control.until(({ heldInstalls }) => heldInstalls.some((held) => held.source === source));

/** The model of an install, as a client finds it. */
const modelOf = (key: string) => gallery.get(`/models/${key}`);

/** What the web UI shows of an install's run. */
async function readPage(id: string) {
  const run = stack.temporal.workflow.getHandle(modelInstallId(id));
  const [described, metadata] = await Promise.all([
    run.describe(),
    run.query<{ currentDetails?: string }>("__temporal_workflow_metadata"),
  ]);
  return {
    status: described.searchAttributes.GalleryStatus?.[0],
    entity: described.searchAttributes.GalleryEntity?.[0],
    summary: await described.staticSummary(),
    details: metadata.currentDetails ?? "",
  };
}

test("a model is installed, with its progress in the row and in the web UI, and can be chosen afterwards", async () => {
  await hold(dreamshaper);
  const { id } = await install(dreamshaper);
  await isHeld(dreamshaper);
  await until("the size of the download", async () => {
    const { total_bytes, progress } = await gallery.get(`/models/installs/${id}`);
    return total_bytes === 2_132_625_894 && progress === 0;
  });
  await until("a page that says what goes on", async () => {
    const page = await readPage(id);
    return page.status === "installing" && page.details.includes("InvokeAI has the install");
  });
  expect(await readPage(id)).toMatchObject({ entity: id, summary: "Install of a model" });
  await control.release();
  const done = await installIs(id, ["completed", "failed"]);
  expect(done).toMatchObject({ status: "completed", progress: 1 });
  expect(await modelOf(done.model_key)).toMatchObject({ is_available: true, supported: true });
  expect((await install(dreamshaper)).id).toBe(id);
  await until("its last page", async () => (await readPage(id)).status === "completed");
}, 90_000);

test("worker killed while InvokeAI answers the install: a new worker finds the job, and there is no second one", async () => {
  const before = await countPosts();
  await hold(juggernaut);
  const fault = await control.addFault({ kind: "answer_held", route: "installModel", times: 1 });
  const { id } = await install(juggernaut);
  await control.until(({ held }) => held.some(({ route }) => route === "installModel"));
  await worker.kill();
  expect(await control.struck(fault)).toBe(1);
  expect((await gallery.get(`/models/installs/${id}`)).job_id).toBeUndefined();
  await control.clearFaults();
  worker = await stack.startWorker();
  expect(await installIs(id, ["completed", "failed"])).toMatchObject({ status: "completed" });
  expect(await countPosts()).toBe(before + 1);
}, 120_000);

test("worker killed in mid download: a new worker follows the same job", async () => {
  const before = await countPosts();
  await hold(clip);
  const { id } = await install(clip);
  await isHeld(clip);
  await until("the id of its job", async () => {
    return (await gallery.get(`/models/installs/${id}`)).job_id !== undefined;
  });
  await worker.kill();
  await control.clearFaults();
  worker = await stack.startWorker();
  expect(await installIs(id, ["completed", "failed"])).toMatchObject({ status: "completed" });
  expect(await countPosts()).toBe(before + 1);
}, 120_000);

test("InvokeAI restarted in mid download: the job that it takes up is followed to its end", async () => {
  const before = await countPosts();
  // Another job before it: after the restart its id belongs to this one.
  const failed = await install(`https://example.org/${crypto.randomUUID()}.safetensors`);
  await installIs(failed.id, ["failed"]);
  await hold(t5);
  const { id } = await install(t5);
  await isHeld(t5);
  await until("the id of its job", async () => {
    return (await gallery.get(`/models/installs/${id}`)).job_id !== undefined;
  });
  await hold(t5);
  await control.restart();
  await isHeld(t5);
  const { job_id: old } = await gallery.get(`/models/installs/${id}`);
  await until("the job's other id", async () => {
    const { job_id: now } = await gallery.get(`/models/installs/${id}`);
    return now !== undefined && now !== old;
  });
  await control.release();
  expect(await installIs(id, ["completed", "failed"])).toMatchObject({ status: "completed" });
  expect(await countPosts()).toBe(before + 2);
}, 120_000);

test("a cancel reaches an install that pauses between two looks", async () => {
  const source = "InvokeAI/flux_schnell::transformer/bnb_nf4/flux1-schnell-bnb_nf4.safetensors";
  await hold(source);
  const { id } = await install(source);
  await isHeld(source);
  await gallery.post(`/models/installs/${id}/cancel`);
  expect(await installIs(id, ["cancelled", "completed"])).toMatchObject({ status: "cancelled" });
  const jobs = await (await fetch(new URL("/api/v2/models/install", stack.invokeai.url))).json();
  expect((jobs as { status: string }[]).at(-1)?.status).toBe("cancelled");
}, 60_000);

test("an install whose run is gone is continued from its row", async () => {
  const source = "black-forest-labs/FLUX.1-schnell::ae.safetensors";
  await hold(source);
  const { id } = await install(source);
  await isHeld(source);
  await stack.temporal.workflow.getHandle(modelInstallId(id)).terminate();
  await control.clearFaults();
  await worker.kill();
  worker = await stack.startWorker();
  expect(await installIs(id, ["completed", "failed"])).toMatchObject({ status: "completed" });
}, 120_000);

test("starter models are shown with the time when they were read, and which are installed", async () => {
  const { models, bundles, last_updated } = await gallery.get("/models/starters");
  expect(last_updated).toBeString();
  expect(bundles).toContainEqual({ name: "sdxl", sources: [juggernaut] });
  const isInstalled = (wanted: string) =>
    models.find(({ source }: { source: string }) => source === wanted)?.is_installed;
  expect(isInstalled(dreamshaper)).toBe(true);
});

test("the token of Hugging Face is in no history, row, event or log", async () => {
  const kept: string[] = [worker.output()];
  for await (const { workflowId, runId } of stack.temporal.workflow.list()) {
    const run = stack.temporal.workflow.getHandle(workflowId, runId);
    kept.push(JSON.stringify(await run.fetchHistory()));
    for (const { input, result } of payloadsOf(await run.fetchHistory())) {
      kept.push(Buffer.from(input ?? result ?? []).toString());
    }
  }
  for (const table of ["model_installs", "events", "settings", "backends"]) {
    kept.push(JSON.stringify(await stack.database.sql`select * from ${stack.database.sql(table)}`));
  }
  expect(kept.length).toBeGreaterThan(10);
  expect(kept.filter((text) => text.includes(token))).toEqual([]);
  // It was sent: otherwise this test would prove nothing.
  const jobs = await (await fetch(new URL("/api/v2/models/install", stack.invokeai.url))).text();
  expect(jobs).toContain(token);
}, 60_000);

type History = Awaited<
  ReturnType<ReturnType<typeof stack.temporal.workflow.getHandle>["fetchHistory"]>
>;

/** The decoded inputs and results of a run's activities. */
function payloadsOf({ events }: History): { input?: Uint8Array; result?: Uint8Array }[] {
  return (events ?? []).flatMap((event) => [
    ...(event.activityTaskScheduledEventAttributes?.input?.payloads ?? []).map(({ data }) => ({
      ...(data && { input: data }),
    })),
    ...(event.activityTaskCompletedEventAttributes?.result?.payloads ?? []).map(({ data }) => ({
      ...(data && { result: data }),
    })),
  ]);
}

test("what a model lacks is installed from the source that is named with it, and then the model is usable", async () => {
  const refreshed = async () => {
    const { usable, unusable } = await gallery.post("/models/refresh");
    // oxlint-disable-next-line typescript/no-explicit-any -- tests read response bodies as an untyped client does
    const find = (list: any[]) => list.find(({ name }) => name === "Klein Harbour 9B GGUF");
    return { usable: find(usable), unusable: find(unusable) };
  };
  expect(await refreshed()).toMatchObject({ usable: { base: "flux2" } });
  const [vae] = (await gallery.get("/models?type=vae&q=klein")).items;
  await control.removeModel(vae.key);
  const { unusable } = await refreshed();
  expect(unusable.unusable_reason).toStartWith("Install a VAE for flux2, or FLUX.2 Klein 9B");
  for (const { source } of unusable.lacks) {
    const { id } = await install(source);
    await installIs(id, ["completed"]);
  }
  expect(await refreshed()).toMatchObject({ usable: { key: unusable.key }, unusable: undefined });
});
