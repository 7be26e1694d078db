// Records the histories that replay.test.ts replays:  bun --no-env-file tests/workflows/record-histories.ts [name…]
// Starts Postgres, Temporal servers, api, worker and InvokeAI's simulator, plays something of each workflow, and
// writes their runs to tests/workflows/histories. Record again only when open runs need not survive a change: a run that
// replay.test.ts refuses would get stuck after an upgrade.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import type { Command } from "#library/commands/command";
import { findNewestMove } from "#db/queries/storage/storage-moves";
import type { StorageMoveStatus } from "#db/schema/storage-moves";
import { generationSessionId } from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { housekeepingRun, housekeepingTasks } from "#workflows/housekeeping/contract";
import { modelInstallId } from "#workflows/model-install/contract";
import { photoRetrievalId } from "#workflows/photo-retrieval/contract";
import type { Timings } from "#workflows/timings";
import { turnGranted } from "#workflows/turn/contract";
import { createBackupCommands } from "#tests/support/backups";
import type { GalleryClient } from "#tests/support/gallery";
import { recordRuns, type RunsToRecord } from "#tests/support/histories";
import { createInvokeAiPage, nextDrawing } from "#tests/support/invokeai-page";
import { settingsOf, startObjectStore } from "#tests/support/object-store";
import { smallPng } from "#tests/support/png";
import { startGallery } from "#tests/support/running-gallery";
import type { Stack } from "#tests/support/stack";
import { startTemporalServer } from "#tests/support/temporal-server";
import { until } from "#tests/support/wait";
import { withServices } from "#tests/support/with-services";

const root = new URL("../../", import.meta.url).pathname;
const folder = join(root, "tests/workflows/histories");

type Scene = {
  name: string;
  /** After this many events the server suggests to continue as new. */
  longAfterEvents?: number;
  timings?: Partial<Timings>;
  /** Plays a session; it is closed afterwards. */
  play: (stack: Stack, gallery: GalleryClient, sessionId: string) => Promise<void>;
  /** The steps whose runs are kept; the others are similar. Default: all. */
  keep?: (stepPosition: number) => boolean;
};

const scenes: Scene[] = [
  {
    name: "completed",
    async play(_stack, gallery, sessionId) {
      const step = await gallery.requestStep(sessionId, { parameters: { batch_size: 2 } });
      await gallery.stepIs(step.id, ["completed"]);
      await gallery.allRetrieved(step.id, 2);
    },
  },
  {
    name: "cancelled",
    async play({ invokeai }, gallery, sessionId) {
      await invokeai.control.holdStep({ item: 1, step: 1 });
      await invokeai.control.addFault({ kind: "request_held", route: "imageFull" });
      const step = await gallery.requestStep(sessionId, { parameters: { batch_size: 3 } });
      await invokeai.control.until(({ held }) => held.some(({ route }) => route === "imageFull"));
      await gallery.post(`/generation/steps/${step.id}/cancel`);
      await gallery.stepIs(step.id, ["cancelled"]);
      await invokeai.control.clearFaults();
      await gallery.allRetrieved(step.id, 1);
    },
  },
  {
    name: "failed",
    async play({ invokeai }, gallery, sessionId) {
      const errorType = "OutOfMemoryError";
      await invokeai.control.addFault({ kind: "item_failure", errorType, errorMessage: "" });
      const failing = await gallery.requestStep(sessionId, { parameters: { batch_size: 1 } });
      await gallery.stepIs(failing.id, ["failed"]);
      // The batch of the next step is interrupted once, and its image cannot be fetched.
      await invokeai.control.addFault({ kind: "status_500_json", route: "imageFull" });
      await invokeai.control.holdStep({ item: 0, step: 1 });
      const step = await gallery.requestStep(sessionId, { parameters: { batch_size: 1, seed: 7 } });
      await invokeai.control.until((state) => state.frozen !== null);
      await invokeai.control.restart();
      await gallery.stepIs(step.id, ["completed"]);
      await until("a photo whose retrieval has failed", async () => {
        const [photo] = await gallery.photosOf(step.id);
        return photo?.retrieval_status === "failed";
      });
    },
  },
  {
    name: "lost",
    async play({ invokeai }, gallery, sessionId) {
      await invokeai.control.addFault({ kind: "request_held", route: "imageFull" });
      const step = await gallery.requestStep(sessionId, { parameters: { batch_size: 1 } });
      const photo = await until("a photo", async () => (await gallery.photosOf(step.id))[0]?.photo);
      const path = `/api/v1/images/i/${photo.invoke_id}`;
      await fetch(new URL(path, invokeai.url), { method: "DELETE" });
      await invokeai.control.clearFaults();
      await gallery.stepIs(step.id, ["failed"]);
      await gallery.post(`/generation/steps/${step.id}/retry`);
      await gallery.stepIs(step.id, ["completed"]);
      await gallery.allRetrieved(step.id, 1);
    },
  },
  {
    // A step that waits for its turn behind one other step.
    name: "waiting",
    async play({ invokeai }, gallery, sessionId) {
      await invokeai.control.holdStep();
      const other = await gallery.createSession();
      const holder = await gallery.requestStep(other.id, { parameters: { batch_size: 1 } });
      await invokeai.control.until((state) => state.frozen !== null);
      const step = await gallery.requestStep(sessionId, { parameters: { batch_size: 1 } });
      await gallery.positionIs(step.id, 1);
      await invokeai.control.release();
      for (const { id } of [holder, step]) await gallery.stepIs(id, ["completed"]);
    },
  },
  {
    // The first waiting step in a line of three.
    name: "line",
    async play({ invokeai }, gallery, sessionId) {
      await invokeai.control.holdStep();
      const waiting: string[] = [];
      for (let position = 0; position < 4; position++) {
        const session = position === 1 ? { id: sessionId } : await gallery.createSession();
        const step = await gallery.requestStep(session.id, { parameters: { batch_size: 1 } });
        if (position > 0) await gallery.positionIs(step.id, position);
        else await invokeai.control.until((state) => state.frozen !== null);
        waiting.push(step.id);
      }
      await invokeai.control.release();
      for (const id of waiting) await gallery.stepIs(id, ["completed"]);
    },
  },
  {
    name: "long",
    longAfterEvents: 60,
    keep: (position) => position === 1 || position === 12,
    async play({ invokeai, temporal }, gallery, sessionId) {
      // Another session holds the turn until the step of this one has waited into a second run.
      await invokeai.control.holdStep();
      const other = await gallery.createSession();
      const holder = await gallery.requestStep(other.id, { parameters: { batch_size: 1 } });
      await invokeai.control.until((state) => state.frozen !== null);
      const steps = [await gallery.requestStep(sessionId, { parameters: { batch_size: 1 } })];
      const waiting = temporal.workflow.getHandle(generationStepId(steps[0]?.id));
      const runId = async () => (await waiting.describe()).runId;
      const first = await until("a step that waits", () => runId().catch(() => undefined));
      // Grants of another request mean nothing to it, but fill its history.
      await until("its next run", async () => {
        await waiting.signal(turnGranted, { ticket: 0, backend: "local" });
        return (await runId()) !== first;
      });
      await invokeai.control.release();
      await gallery.stepIs(holder.id, ["completed"]);
      for (let seed = 1; seed < 12; seed++) {
        steps.push(await gallery.requestStep(sessionId, { parameters: { batch_size: 1, seed } }));
      }
      for (const step of steps) await gallery.stepIs(step.id, ["completed"]);
    },
  },
];

async function record({
  name,
  longAfterEvents,
  timings,
  play,
  keep = () => true,
}: Scene): Promise<void> {
  const temporal = await startTemporalServer(
    longAfterEvents ? { "limit.historyCount.suggestContinueAsNew": longAfterEvents } : {},
  );
  const { stack, gallery } = await startGallery({
    temporalAddress: temporal.address,
    timings,
    env: { RETRIEVAL_MAX_ATTEMPTS: "2" },
  });
  try {
    const { id } = await gallery.createSession();
    await play(stack, gallery, id);
    await gallery.patch(`/generation/sessions/${id}`, { status: "completed" });
    const session = stack.temporal.workflow.getHandle(generationSessionId(id));
    await until("the end of the session", async () => {
      return (await session.describe()).status.name === "COMPLETED";
    });
    const { items: steps } = await gallery.get(`/generation/sessions/${id}/steps`);
    const dropped = new Set<string>();
    for (const step of steps) {
      if (keep(step.position)) continue;
      dropped.add(generationStepId(step.id));
      for (const photo of await gallery.photosOf(step.id)) {
        dropped.add(photoRetrievalId(photo.image_id));
      }
    }
    const query = `GallerySession = '${id}' or WorkflowType = 'invokeaiBackend'`;
    await write(name, stack, { query, isKept: (run) => !dropped.has(run), atLeast: 3 });
  } finally {
    await stack.stop();
    await temporal.stop();
  }
}

/** Records the import of a folder of three slices, in two runs, a cancelled import, and a folder that was watched. */
async function recordImports(): Promise<void> {
  const temporal = await startTemporalServer({ "limit.historyCount.suggestContinueAsNew": 15 });
  const pictures = await mkdtemp(join(tmpdir(), "gallery-import-"));
  const { stack, gallery } = await startGallery({
    temporalAddress: temporal.address,
    env: { IMPORT_ROOTS: pictures },
  });
  try {
    const play = async (path: string, status: string) => {
      const { id } = await gallery.post("/photos/import", { path });
      if (status === "cancelled") await gallery.post(`/photos/imports/${id}/cancel`);
      await until(`an import that is ${status}`, async () => {
        return (await gallery.get(`/photos/imports/${id}`)).status === status;
      });
    };
    const notes = Array.from({ length: 450 }, (_, at) => writeFile(join(pictures, `${at}`), ""));
    await Promise.all(notes);
    await play(pictures, "completed");
    await play(pictures, "cancelled");
    const { id } = await gallery.post("/photos/import", { path: pictures, watch: true });
    const show = () => gallery.get(`/photos/imports/${id}`);
    await until("a look", async () => (await show()).looked_at);
    await gallery.post(`/photos/imports/${id}/cancel`);
    await until("its end", async () => (await show()).status === "cancelled");
    await write("imports", stack, { query: "WorkflowType = 'photoImport'", atLeast: 4 });
  } finally {
    await stack.stop();
    await temporal.stop();
    await rm(pictures, { recursive: true });
  }
}

/** Records an identical reproduction, one with an interrupted batch, and one of a picture without metadata. */
async function recordReproductions(): Promise<void> {
  const temporal = await startTemporalServer({});
  const { stack, gallery } = await startGallery({ temporalAddress: temporal.address });
  try {
    const { control } = stack.invokeai;
    const session = await gallery.createSession();
    const step = await gallery.requestStep(session.id, { parameters: { batch_size: 3 } });
    await gallery.stepIs(step.id, ["completed"]);
    await gallery.allRetrieved(step.id, 3);
    const [same, interrupted, stripped] = (await gallery.photosOf(step.id)).map(
      (image) => image.image_id,
    );
    const judged = async (id: string, meanwhile = async () => {}) => {
      await gallery.post(`/photos/${id}/reproduce`);
      await meanwhile();
      await until("a verdict", async () => (await gallery.get(`/photos/${id}`)).reproduction);
    };
    await judged(same);
    await control.holdStep();
    await judged(interrupted, async () => {
      await control.until((state) => state.frozen !== null);
      await control.restart();
    });
    const generated = join(stack.dataDir, "photos", "generated");
    const files = await readdir(generated, { recursive: true });
    const file = join(generated, files.find((name) => name.includes(stripped)) ?? "");
    await writeFile(
      file,
      await sharp(await readFile(file))
        .png()
        .toBuffer(),
    );
    await judged(stripped);
    await write("reproductions", stack, {
      query: "WorkflowType = 'photoReproduction'",
      atLeast: 3,
    });
  } finally {
    await stack.stop();
    await temporal.stop();
  }
}

/** Records installs of models: one in several runs, and others that are cancelled, refused, and interrupted by a restart. */
async function recordInstalls(): Promise<void> {
  const temporal = await startTemporalServer({ "limit.historyCount.suggestContinueAsNew": 40 });
  const { stack, gallery } = await startGallery({ temporalAddress: temporal.address });
  try {
    const { control } = stack.invokeai;
    const install = (source: string) => gallery.post("/models/install", { source });
    const installIs = (id: string, status: string) =>
      until(`an install that is ${status}`, async () => {
        return (await gallery.get(`/models/installs/${id}`)).status === status;
      });
    const hold = async (source: string) => {
      await control.addFault({ kind: "install_held", source });
      const { id } = await install(source);
      await control.until(({ heldInstalls }) => heldInstalls.length === 1);
      return id;
    };
    const long = await hold("Lykon/dreamshaper-8");
    const handle = stack.temporal.workflow.getHandle(modelInstallId(long));
    const runId = async () => (await handle.describe()).runId;
    const first = await runId();
    await until("its next run", async () => (await runId()) !== first);
    await control.release();
    await installIs(long, "completed");

    const restarted = await hold("RunDiffusion/Juggernaut-XL-v9");
    await control.restart();
    await installIs(restarted, "completed");

    const cancelled = await hold("InvokeAI/t5-v1_1-xxl::bnb_llm_int8");
    await gallery.post(`/models/installs/${cancelled}/cancel`);
    await installIs(cancelled, "cancelled");

    await installIs((await install("nobody/no-such-model")).id, "failed");
    await write("installs", stack, { query: "WorkflowType = 'modelInstall'", atLeast: 3 });
  } finally {
    await stack.stop();
    await temporal.stop();
  }
}

/** Records a move to a bucket in several runs, and the deletion of the old copy. */
async function recordMoves(): Promise<void> {
  const temporal = await startTemporalServer({ "limit.historyCount.suggestContinueAsNew": 20 });
  const bucket = await startObjectStore();
  const env = settingsOf(bucket.access);
  const { stack, gallery } = await startGallery({
    temporalAddress: temporal.address,
    env: { ...env, STORAGE: "disk" },
    timings: { reconcileEveryMs: 1_000, storageSettleMs: 500, storageLateMs: 500 },
  });
  try {
    await gallery.upload(await smallPng());
    const run = async (command: Command, storage: string) => {
      const place = {
        url: stack.database.url,
        dataDir: stack.dataDir,
        env: { ...env, STORAGE: storage },
      };
      const { code, output } = await createBackupCommands(place).run(command);
      if (code !== 0) throw new Error(output);
    };
    const moveIs = (status: StorageMoveStatus) =>
      until(`a move that is ${status}`, async () => {
        return (await findNewestMove(stack.database.db))?.status === status;
      });
    await run({ verb: "storage-move", target: "s3" }, "disk");
    await moveIs("completed");
    await run({ verb: "storage-forget-old", keepsFiles: false }, "s3");
    await moveIs("forgotten");
    await write("moves", stack, { query: "WorkflowType = 'storageMove'", atLeast: 3 });
  } finally {
    await stack.stop();
    await bucket.stop();
    await temporal.stop();
  }
}

/** Records a mirror whose follower was cut off by a kill, and that was turned off. */
async function recordMirror(): Promise<void> {
  const temporal = await startTemporalServer({});
  const { stack, worker, gallery } = await startGallery({ temporalAddress: temporal.address });
  try {
    const taken = (amount: number) =>
      until(`${amount} pictures that were taken`, async () => {
        return (await gallery.get("/photos")).items.length === amount;
      });
    const page = createInvokeAiPage(stack.invokeai.url);
    const mirror = (value: string) => gallery.patch("/settings", { backend: { mirror: value } });
    await page.draw([nextDrawing()]);
    await mirror("all");
    await taken(1);
    await worker.kill();
    await page.draw([nextDrawing()]);
    await stack.startWorker();
    await taken(2);
    await mirror("off");
    await write("mirror", stack, { query: "WorkflowType = 'invokeaiMirror'", atLeast: 2 });
  } finally {
    await stack.stop();
    await temporal.stop();
  }
}

/** Records a run of each task of housekeeping. */
async function recordHousekeeping(): Promise<void> {
  const temporal = await startTemporalServer({});
  const backups = await mkdtemp(join(tmpdir(), "gallery-backups-"));
  const { stack, gallery } = await startGallery({
    temporalAddress: temporal.address,
    env: { BACKUP_TO: backups },
  });
  try {
    await gallery.upload(await smallPng());
    for (const task of housekeepingTasks) {
      const { type, options } = housekeepingRun(task);
      const id = `${options.workflowId}/recorded`;
      await stack.temporal.workflow.execute(type, { ...options, workflowId: id });
    }
    // The schedules go on meanwhile, with runs of their own.
    await write("housekeeping", stack, {
      query: "WorkflowId STARTS_WITH 'housekeeping/'",
      areOpen: true,
      isKept: (id) => id.endsWith("/recorded"),
      atLeast: housekeepingTasks.length,
    });
  } finally {
    await stack.stop();
    await temporal.stop();
    await rm(backups, { recursive: true });
  }
}

/** Writes runs, one per line. */
async function write(name: string, stack: Stack, runs: RunsToRecord): Promise<void> {
  const text = await recordRuns(stack, runs);
  await writeFile(join(folder, `${name}.json`), text);
  console.log(`${name}: ${(JSON.parse(text) as unknown[]).length} runs`);
}

const isWanted = (name: string) => Bun.argv.length === 2 || Bun.argv.includes(name);
await withServices(import.meta.path, { s3: isWanted("moves") });
await mkdir(folder, { recursive: true });
for (const scene of scenes) if (isWanted(scene.name)) await record(scene);
if (isWanted("imports")) await recordImports();
if (isWanted("reproductions")) await recordReproductions();
if (isWanted("installs")) await recordInstalls();
if (isWanted("moves")) await recordMoves();
if (isWanted("mirror")) await recordMirror();
if (isWanted("housekeeping")) await recordHousekeeping();
process.exit(0);
