// Records the histories that replay.test.ts replays:  bun --no-env-file tests/workflows/record-histories.ts [name…]
// Starts Postgres, Temporal servers, api, worker and InvokeAI's simulator, plays sessions, imports, reproductions and installs, and
// writes their runs to tests/workflows/histories. Record again only when open runs need not survive a change: a run that
// replay.test.ts refuses would get stuck after an upgrade.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { generationSessionId } from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { modelInstallId } from "#workflows/model-install/contract";
import { photoRetrievalId } from "#workflows/photo-retrieval/contract";
import type { Timings } from "#workflows/timings";
import { turnGranted } from "#workflows/turn/contract";
import type { GalleryClient } from "#tests/support/gallery";
import { recordRuns } from "#tests/support/histories";
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
    await write(name, stack, query, dropped);
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
    await write("imports", stack, "WorkflowType = 'photoImport'", new Set());
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
    await write("reproductions", stack, "WorkflowType = 'photoReproduction'", new Set());
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
    await write("installs", stack, "WorkflowType = 'modelInstall'", new Set());
  } finally {
    await stack.stop();
    await temporal.stop();
  }
}

/** Writes the runs that a query finds, one per line. */
async function write(
  name: string,
  stack: Stack,
  query: string,
  dropped: ReadonlySet<string>,
): Promise<void> {
  const isKept = (workflowId: string) => !dropped.has(workflowId);
  const runs = await recordRuns(stack, { query, isKept, atLeast: 3 });
  await writeFile(join(folder, `${name}.json`), runs);
  console.log(`${name}: ${(JSON.parse(runs) as unknown[]).length} runs`);
}

await withServices(import.meta.path);
await mkdir(folder, { recursive: true });
const isWanted = (name: string) => Bun.argv.length === 2 || Bun.argv.includes(name);
for (const scene of scenes) if (isWanted(scene.name)) await record(scene);
if (isWanted("imports")) await recordImports();
if (isWanted("reproductions")) await recordReproductions();
if (isWanted("installs")) await recordInstalls();
process.exit(0);
