// Records the histories that replay.test.ts replays:  bun --no-env-file tests/workflows/record-histories.ts [name…]
// It starts Postgres, Temporal servers, api, worker and InvokeAI's simulator by itself, lives through six sessions and
// writes their runs to tests/workflows/histories. Record anew only when running workflows need not survive a change:
// what replay.test.ts refuses would get stuck on the machine of whoever upgrades.
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { historyToJSON } from "@temporalio/common/lib/proto-utils";
import { startTestServices } from "#dev/test-services";
import { generationSessionId } from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { photoRetrievalId } from "#workflows/photo-retrieval/contract";
import type { Timings } from "#workflows/timings";
import type { GalleryClient } from "#tests/support/gallery";
import { startGallery } from "#tests/support/running-gallery";
import type { Stack } from "#tests/support/stack";
import { startTemporalServer } from "#tests/support/temporal-server";
import { until } from "#tests/support/wait";

const root = new URL("../../", import.meta.url).pathname;
const folder = join(root, "tests/workflows/histories");

type Scene = {
  name: string;
  /** After how many events a run is told that its history is long. */
  longAfterEvents?: number;
  timings?: Partial<Timings>;
  /** Lives through a session; which is closed afterwards. */
  play: (stack: Stack, gallery: GalleryClient, sessionId: string) => Promise<void>;
  /** The steps of which the runs are kept; the others are like them. Default: all. */
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
      const step = await gallery.requestStep(sessionId, { parameters: { batch_size: 3 } });
      await until("a photo", async () => (await gallery.photosOf(step.id)).length === 1);
      await gallery.post(`/generation/steps/${step.id}/cancel`);
      await gallery.stepIs(step.id, ["cancelled"]);
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
      // Its batch is interrupted once, and its image cannot be fetched.
      await invokeai.control.addFault({ kind: "status_500_json", route: "imageFull" });
      await invokeai.control.holdStep({ item: 0, step: 1 });
      const step = await gallery.requestStep(sessionId, { parameters: { batch_size: 1, seed: 7 } });
      await invokeai.control.until((state) => state.frozen !== null);
      await invokeai.control.restart();
      await gallery.stepIs(step.id, ["completed"]);
      await until("a photo that was given up", async () => {
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
    // What the looks at InvokeAI have been like since a look holds for a while.
    name: "waiting",
    async play({ invokeai }, gallery, sessionId) {
      await invokeai.control.holdStep();
      const other = await gallery.createSession();
      const holder = await gallery.requestStep(other.id, { parameters: { batch_size: 1 } });
      await invokeai.control.until((state) => state.frozen !== null);
      const step = await gallery.requestStep(sessionId, { parameters: { batch_size: 1 } });
      await gallery.placeIs(step.id, 1);
      await invokeai.control.release();
      for (const { id } of [holder, step]) await gallery.stepIs(id, ["completed"]);
    },
  },
  {
    // What the line has been like since those in it are not told of each change at once: two move up together.
    name: "line",
    timings: { linePauseMs: 1_500 },
    async play({ invokeai }, gallery, sessionId) {
      await invokeai.control.holdStep();
      const waiting: string[] = [];
      for (let place = 0; place < 4; place++) {
        const session = place === 1 ? { id: sessionId } : await gallery.createSession();
        const step = await gallery.requestStep(session.id, { parameters: { batch_size: 1 } });
        if (place > 0) await gallery.placeIs(step.id, place);
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
      // Another session holds the turn until this one's step waits in a second run.
      await invokeai.control.holdStep();
      const other = await gallery.createSession();
      const holder = await gallery.requestStep(other.id, { parameters: { batch_size: 1 } });
      await invokeai.control.until((state) => state.frozen !== null);
      const steps = [await gallery.requestStep(sessionId, { parameters: { batch_size: 1 } })];
      const waiting = temporal.workflow.getHandle(generationStepId(steps[0]?.id));
      const runId = async () => (await waiting.describe()).runId;
      const first = await until("a step that waits", () => runId().catch(() => undefined));
      await until("its next run", async () => (await runId()) !== first);
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

/** A folder of three slices, in two runs; and one that is cancelled. */
async function recordImports(): Promise<void> {
  const temporal = await startTemporalServer({ "limit.historyCount.suggestContinueAsNew": 15 });
  const pictures = await mkdtemp(join(tmpdir(), "gallery-import-"));
  const { stack, gallery } = await startGallery({
    temporalAddress: temporal.address,
    env: { IMPORT_ROOTS: pictures },
  });
  try {
    const lived = async (path: string, status: string) => {
      const { id } = await gallery.post("/photos/import", { path });
      if (status === "cancelled") await gallery.post(`/photos/imports/${id}/cancel`);
      await until(`an import that is ${status}`, async () => {
        return (await gallery.get(`/photos/imports/${id}`)).status === status;
      });
    };
    const notes = Array.from({ length: 450 }, (_, at) => writeFile(join(pictures, `${at}`), ""));
    await Promise.all(notes);
    await lived(pictures, "completed");
    await lived(pictures, "cancelled");
    await write("imports", stack, "WorkflowType = 'photoImport'", new Set());
  } finally {
    await stack.stop();
    await temporal.stop();
    await rm(pictures, { recursive: true });
  }
}

/** One that is identical, one whose first batch is cut off, and one of a picture that tells nothing. */
async function recordReproductions(): Promise<void> {
  const temporal = await startTemporalServer({});
  const { stack, gallery } = await startGallery({ temporalAddress: temporal.address });
  try {
    const { control } = stack.invokeai;
    const session = await gallery.createSession();
    const step = await gallery.requestStep(session.id, { parameters: { batch_size: 3 } });
    await gallery.stepIs(step.id, ["completed"]);
    await gallery.allRetrieved(step.id, 3);
    const [same, cut, bare] = (await gallery.photosOf(step.id)).map((image) => image.image_id);
    const judged = async (id: string, meanwhile = async () => {}) => {
      await gallery.post(`/photos/${id}/reproduce`);
      await meanwhile();
      await until("a verdict", async () => (await gallery.get(`/photos/${id}`)).reproduction);
    };
    await judged(same);
    await control.holdStep();
    await judged(cut, async () => {
      await control.until((state) => state.frozen !== null);
      await control.restart();
    });
    const generated = join(stack.dataDir, "photos", "generated");
    const files = await readdir(generated, { recursive: true });
    const file = join(generated, files.find((name) => name.includes(bare)) ?? "");
    await writeFile(
      file,
      await sharp(await readFile(file))
        .png()
        .toBuffer(),
    );
    await judged(bare);
    await write("reproductions", stack, "WorkflowType = 'photoReproduction'", new Set());
  } finally {
    await stack.stop();
    await temporal.stop();
  }
}

/** The runs that a query finds, each line of the file one run. */
async function write(
  name: string,
  stack: Stack,
  query: string,
  dropped: ReadonlySet<string>,
): Promise<void> {
  const lines = await until("runs that are listed", async () => {
    const found: string[] = [];
    let isLate = false;
    for await (const { workflowId, runId, type, status } of stack.temporal.workflow.list({
      query,
    })) {
      isLate ||= status.name === "RUNNING" && type !== "invokeaiBackend";
      if (dropped.has(workflowId)) continue;
      const run = stack.temporal.workflow.getHandle(workflowId, runId);
      const history = withoutThisMachine(JSON.parse(historyToJSON(await run.fetchHistory())));
      found.push(JSON.stringify({ workflowId, history }));
    }
    return !isLate && found.length > 2 && found.toSorted();
  });
  await writeFile(join(folder, `${name}.json`), `[\n${lines.join(",\n")}\n]\n`);
  console.log(`${name}: ${lines.length} runs`);
}

/** Who worked where, in which file something failed, and what is not set, is no part of what is replayed. */
function withoutThisMachine(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutThisMachine);
  if (typeof value === "string") return value.replace(/^gallery@[^:]*/, "gallery@host");
  if (typeof value !== "object" || value === null) return value;
  const dropped = new Set(["identity", "stackTrace", "workerVersion", "taskId", "requestId"]);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, each]) => each !== null && !dropped.has(key))
      .map(([key, each]) => [key, withoutThisMachine(each)]),
  );
}

if (Bun.env.TEST_WORKFLOW_BUNDLE === undefined) {
  // Started by hand: the services come first, and this script again in their environment.
  const services = await startTestServices(root, Bun.env, { durable: false });
  const names = Bun.argv.slice(2);
  const again = Bun.spawn([process.execPath, "--no-env-file", import.meta.path, ...names], {
    env: services.env,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const code = await again.exited;
  await services.stop();
  process.exit(code);
}

await mkdir(folder, { recursive: true });
const isWanted = (name: string) => Bun.argv.length === 2 || Bun.argv.includes(name);
for (const scene of scenes) if (isWanted(scene.name)) await record(scene);
if (isWanted("imports")) await recordImports();
if (isWanted("reproductions")) await recordReproductions();
process.exit(0);
