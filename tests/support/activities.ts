import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Info as ActivityInfo } from "@temporalio/activity";
import type { Client } from "@temporalio/client";
import { MockActivityEnvironment } from "@temporalio/testing";
import { DefaultLogger } from "@temporalio/worker";
import { createInvokeAiClient } from "#activities/adapters/invokeai/client";
import type { PodProvider } from "#activities/adapters/pods/provider";
import type { ActivityDeps } from "#activities/deps";
import { createFindPodAddress } from "#activities/pods/place";
import { openPodSecret } from "#activities/pods/secret";
import { createPlaces, type FindPodAddress, findNoPod } from "#activities/backend/places";
import { createEnqueueActivities } from "#activities/generation/enqueue";
import { createSourceActivities } from "#activities/generation/source";
import { mapFailures } from "#activities/worker/failure-interceptor";
import { noteProgress } from "#activities/heartbeat";
import { createActivities } from "#activities/index";
import { loadConfig } from "#config";
import { openDatabase } from "#db/client";
import { ensureInstallation } from "#db/queries/installation/installation";
import { openAttempt } from "#db/queries/steps/attempts";
import { insertSession } from "#db/queries/generation/session-requests";
import { insertStep } from "#db/queries/generation/step-requests";
import { models } from "#db/schema/models";
import type { Attempt } from "#db/schema/steps";
import { startSimulator } from "#simulators/invokeai/start";
import { createStoragePlaces } from "#library/create-storage";
import { createDiskStorage } from "#media/storage/disk";
import { createDecodeBudget, defaultBudget } from "#media/pictures/decode-budget";
import type { Timings } from "#workflows/timings";
import { createTestDatabase } from "./database";

/** A call without an answer fails after the sum of both. */
export const timeouts = { connectionTimeoutMs: 1_000, readTimeoutMs: 1_000 };

/**
 * The worker's activities with their own database, data folder and simulator, without a workflow service.
 * `clock.now` is the time that they see; null means the real time.
 */
export async function createActivityBench(
  env: Record<string, string> = {},
  temporal: Client = {} as Client,
  options: {
    statementTimeoutMs?: number;
    findPodAddress?: FindPodAddress;
    provider?: PodProvider;
    timings?: Partial<Timings>;
  } = {},
) {
  const { statementTimeoutMs, provider } = options;
  const database = await createTestDatabase();
  const pool = openDatabase(database.url, {
    maxConnections: 8,
    applicationName: "gallery-test",
    ...(statementTimeoutMs !== undefined && { statementTimeoutMs }),
  });
  const { db } = database;
  const dataDir = await mkdtemp(join(tmpdir(), "gallery-activities-"));
  const simulator = await startSimulator();
  const clock: { now: Date | null } = { now: null };
  const config = loadConfig({
    DATABASE_URL: database.url,
    DATA_DIR: dataDir,
    INVOKEAI_LOCAL_URL: simulator.url,
    INVOKEAI_CONNECTION_TIMEOUT: String(timeouts.connectionTimeoutMs / 1_000),
    INVOKEAI_READ_TIMEOUT: String(timeouts.readTimeoutMs / 1_000),
    ...env,
  });
  const invokeai = createInvokeAiClient({
    baseUrl: simulator.url,
    ...timeouts,
    onWait: noteProgress,
  });
  const installation = await ensureInstallation(db);
  const storage = createDiskStorage({ dataDir });
  const secret = await openPodSecret(dataDir, storage);
  const pods = provider
    ? { provider, secret: { ...secret }, installationId: installation.id }
    : null;
  const now = () => clock.now ?? new Date();
  const findPodAddress =
    options.findPodAddress ??
    (pods
      ? createFindPodAddress({ config, database: pool, now, pods, timings: options.timings ?? {} })
      : findNoPod);
  const deps: ActivityDeps = {
    config,
    database: pool,
    storage,
    places: await createStoragePlaces(config),
    decodeLimits: { budget: createDecodeBudget(defaultBudget), timeoutSeconds: 30 },
    // Without a client of the test's own, signals fail. Reconcile is tested with a real client, in tests/e2e.
    temporal,
    pods,
    ...createPlaces(config, pool, findPodAddress),
    timings: options.timings ?? {},
    now,
    newId: () => crypto.randomUUID(),
  };
  // In addition to the activities that workflows call: the parts of `runBatch`.
  const activities = {
    ...createSourceActivities(deps),
    ...createEnqueueActivities(deps),
    ...createActivities(deps),
  };
  type Activities = typeof activities;

  type Result<Name extends keyof Activities> = Awaited<ReturnType<Activities[Name]>>;

  /** Starts an activity once, as a worker would, in a new context. */
  function start<Name extends keyof Activities>(
    name: Name,
    input: Parameters<Activities[Name]>[0],
    info: Partial<ActivityInfo> = {},
  ): { result: Promise<Result<Name>>; cancel: () => void } {
    const context = new MockActivityEnvironment(info, {
      logger: new DefaultLogger("ERROR"),
      interceptors: [mapFailures],
    });
    const activity = activities[name] as (given: typeof input) => Promise<Result<Name>>;
    return { result: context.run(() => activity(input)), cancel: () => context.cancel() };
  }

  const run = <Name extends keyof Activities>(
    ...args: Parameters<typeof start<Name>>
  ): Promise<Result<Name>> => start(...args).result;

  await run("syncModels", {});

  /** Creates a step in a new session, with one open slot per seed. */
  async function createStep(
    seeds: number[],
    overrides: { prompt?: string; sourceImageId?: string; slotPrompts?: string[] } = {},
  ): Promise<{ stepId: string; sessionId: string }> {
    const rows = await db.select().from(models);
    const model = rows.find((row) => row.accepts !== null && row.base === "sd-1");
    if (!model) throw new Error("no model that can generate images");
    const ids = { stepId: crypto.randomUUID(), sessionId: crypto.randomUUID() };
    await db.transaction(async (tx) => {
      const scratch = { entryType: "scratch" as const, sourceImageId: null, title: null };
      await insertSession(tx, { id: ids.sessionId, ...scratch });
      await insertStep(tx, {
        step: {
          id: ids.stepId,
          sessionId: ids.sessionId,
          parentId: null,
          recipeId: null,
          maskHash: null,
          references: null,
          sourceImageId: overrides.sourceImageId ?? null,
          prompt: overrides.prompt ?? "a harbour in the morning",
          negativePrompt: null,
          priority: "normal",
          notBefore: null,
          window: null,
          expand: overrides.slotPrompts !== undefined,
          parameters: {
            modelKey: model.key,
            modelHash: model.hash,
            width: 64,
            height: 64,
            steps: 3,
            cfgScale: 7,
            scheduler: "euler",
            batchSize: seeds.length,
            seed: seeds[0] ?? 0,
          },
          modelKey: model.key,
          modelHash: model.hash,
          modelName: model.name,
          correlationId: crypto.randomUUID(),
          batchSize: seeds.length,
        },
        slots: seeds.map((seed, at) => ({ seed, prompt: overrides.slotPrompts?.[at] ?? null })),
      });
    });
    return ids;
  }

  /** Runs the activity for a place that has not ended. */
  async function openNext(stepId: string, backend = "local") {
    const opened = await run("openAttempt", { stepId, backend });
    if (opened === "gone") throw new Error(`${backend} has ended`);
    return opened;
  }

  async function createAttemptOf(stepId: string): Promise<Attempt> {
    const attempt = await openAttempt(db, { stepId, backend: "local", inOneBatch: (all) => all });
    if (!attempt) throw new Error("no attempt");
    return attempt;
  }

  return {
    deps,
    db,
    sql: database.sql,
    url: database.url,
    storage: deps.storage,
    dataDir,
    /** Makes another secret, as after the loss of the data folder. */
    async changeSecret(): Promise<void> {
      await rm(join(dataDir, "pod-secret"));
      if (pods) Object.assign(pods.secret, await openPodSecret(dataDir, storage));
    },
    invokeai,
    simulator,
    clock,
    createStep,
    /** Creates a step with its first attempt, which is not sent yet. */
    async createAttempt(
      seeds: number[],
      overrides: { sourceImageId?: string } = {},
    ): Promise<Attempt> {
      const { stepId } = await createStep(seeds, overrides);
      return createAttemptOf(stepId);
    },
    /** Opens the next attempt of a step. */
    createAttemptOf,
    openNext,
    start,
    run,
    async close(): Promise<void> {
      await simulator.stop();
      await pool.close();
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export type ActivityBench = Awaited<ReturnType<typeof createActivityBench>>;
