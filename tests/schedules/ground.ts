import { createGalleryClient, type GalleryClient } from "#tests/support/gallery";
import { required } from "#tests/support/environment";
import { startLine } from "#tests/support/line";
import { isPolling, startStack, type Stack } from "#tests/support/stack";
import type { startTemporalServer } from "#tests/support/temporal-server";
import { until } from "#tests/support/wait";
import type { Timings } from "#workflows/timings";
import { keepWorker, type KeptWorker } from "./kept-worker";
import { createOutages, type Outages } from "./outages";

export type TemporalServer = Awaited<ReturnType<typeof startTemporalServer>>;

/** A gallery of which each part can be taken away, and what was taken. */
export type Ground = {
  stack: Stack;
  gallery: GalleryClient;
  worker: KeptWorker;
  postgres: Outages;
  temporal: Outages<{ isLost: boolean }>;
  waits: "short" | "shipped";
  stop(): Promise<void>;
};

export type GroundOptions = {
  /** Where the worker's sources are, when they are not the project's own. */
  workerRoot?: string;
  /** "shipped": no wait is shortened. */
  waits?: "short" | "shipped";
};

/** Short, but a batch that comes late still comes within the grace on a machine that stutters. */
const shortWaits: Partial<Timings> = { enqueueGraceMs: 3_000 };
/** Each image takes long enough that what is drawn at random meets it. */
const stepDelayMs = 25;

/** Starts api, worker, simulator and a database of their own; Temporal is lent, and this alone may take it away. */
export async function startGround(
  server: TemporalServer,
  { workerRoot, waits = "short" }: GroundOptions,
): Promise<Ground> {
  const target = new URL(required("TEST_DATABASE_URL"));
  const line = await startLine({ host: target.hostname, port: Number(target.port) });
  const stack = await startStack({
    temporalAddress: server.address,
    databaseUrl: line.through,
    // No fault here lasts: an image that is given up is a promise broken.
    env: { RETRIEVAL_MAX_ATTEMPTS: "50" },
    ...(waits === "short" ? { timings: shortWaits } : { waits }),
  });
  await stack.invokeai.control.setStepDelay(stepDelayMs);
  const worker = keepWorker(() => stack.launchWorker(workerRoot));
  const api = await stack.startApi();
  await until(
    "a worker that polls",
    () => isPolling(worker.current()),
    60_000,
    () => worker.current().output(),
  );
  const postgres = createOutages({ begin: () => line.cut(), end: () => line.mend() });
  const temporal = createOutages<{ isLost: boolean }>({
    async begin({ isLost }) {
      await server.kill();
      if (isLost) await server.deleteDatabase();
    },
    end: () => server.start(),
  });
  return {
    stack,
    worker,
    gallery: createGalleryClient(api.url),
    postgres,
    temporal,
    waits,
    async stop() {
      // The server goes on to the next one.
      await Promise.allSettled([postgres.over(), temporal.over()]);
      await worker.stop();
      await stack.stop();
      await line.stop();
    },
  };
}
