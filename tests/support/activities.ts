import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "@temporalio/client";
import { MockActivityEnvironment } from "@temporalio/testing";
import { DefaultLogger } from "@temporalio/worker";
import { v7 as uuidv7 } from "uuid";
import { createInvokeAiClient } from "#activities/adapters/invokeai/client";
import type { ActivityDeps } from "#activities/deps";
import { type Activities, createActivities } from "#activities/index";
import { loadConfig } from "#config";
import { openAttempt } from "#db/queries/attempts";
import { insertSession, insertStep } from "#db/queries/generation-requests";
import { models } from "#db/schema/models";
import type { Attempt } from "#db/schema/steps";
import { startSimulator } from "#dev/simulators/invokeai/start";
import { createDiskStorage } from "#media/disk";
import { createPixelBudget, defaultBudget } from "#media/pixel-budget";
import { createTestDatabase } from "./database";

/** A call that ends badly is given up on after these two together. */
export const timeouts = { connectionTimeoutMs: 1_000, readTimeoutMs: 1_000 };

/**
 * The worker's activities on a database, a data folder and a simulator of their own, without a workflow service.
 * `clock.now` is what they take for the time; null: the real one.
 */
export async function createActivityBench() {
  const database = await createTestDatabase();
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
  });
  const invokeai = createInvokeAiClient({ baseUrl: simulator.url, ...timeouts });
  const deps: ActivityDeps = {
    config,
    database,
    storage: createDiskStorage({ dataDir }),
    decodeLimits: { budget: createPixelBudget(defaultBudget), timeoutSeconds: 30 },
    // Only reconcile speaks to it, which is tried with a real one.
    temporal: {} as Client,
    invokeai: async () => invokeai,
    timings: {},
    now: () => clock.now ?? new Date(),
    newId: () => uuidv7(),
  };
  const activities = createActivities(deps);

  /** One run of an activity, as a worker would run it; each has a context of its own. */
  async function run<Name extends keyof Activities>(
    name: Name,
    input: Parameters<Activities[Name]>[0],
  ): Promise<Awaited<ReturnType<Activities[Name]>>> {
    const context = new MockActivityEnvironment({}, { logger: new DefaultLogger("ERROR") });
    const activity = activities[name] as (given: typeof input) => Promise<unknown>;
    const result = await context.run(() => activity(input));
    return result as Awaited<ReturnType<Activities[Name]>>;
  }

  await run("syncModels", {});

  /** A step in a session of its own, with one open slot a seed. */
  async function createStep(
    seeds: number[],
    overrides: { prompt?: string; sourceImageId?: string } = {},
  ): Promise<{ stepId: string; sessionId: string }> {
    const rows = await db.select().from(models);
    const model = rows.find((row) => row.accepts !== null && row.base === "sd-1");
    if (!model) throw new Error("no model that pictures can be made with");
    const ids = { stepId: uuidv7(), sessionId: uuidv7() };
    await db.transaction(async (tx) => {
      const scratch = { entryType: "scratch" as const, sourceImageId: null, title: null };
      await insertSession(tx, { id: ids.sessionId, ...scratch });
      await insertStep(tx, {
        step: {
          id: ids.stepId,
          sessionId: ids.sessionId,
          parentId: null,
          sourceImageId: overrides.sourceImageId ?? null,
          prompt: overrides.prompt ?? "a harbour in the morning",
          negativePrompt: null,
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
          correlationId: uuidv7(),
          batchSize: seeds.length,
        },
        seeds,
      });
    });
    return ids;
  }

  return {
    db,
    sql: database.sql,
    url: database.url,
    storage: deps.storage,
    dataDir,
    invokeai,
    simulator,
    clock,
    createStep,
    /** The same with its first attempt, not sent yet. */
    async createAttempt(
      seeds: number[],
      overrides: { sourceImageId?: string } = {},
    ): Promise<Attempt> {
      const { stepId } = await createStep(seeds, overrides);
      const attempt = await openAttempt(db, { stepId, backend: "local" });
      if (!attempt) throw new Error("no attempt");
      return attempt;
    },
    run,
    async close(): Promise<void> {
      await simulator.stop();
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export type ActivityBench = Awaited<ReturnType<typeof createActivityBench>>;
