import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApp } from "#api/app";
import { createDatabaseProbe } from "#api/http/database-watch";
import type { ApiDeps } from "#api/deps";
import { createLog } from "#api/log";
import { createMetrics } from "#api/metrics";
import type { WorkflowClient } from "#api/temporal/workflow-client";
import type { RefreshModelsResult } from "#workflows/housekeeping/contract";
import { loadConfig } from "#config";
import { ensureInstallation } from "#db/queries/installation/installation";
import { createDiskStorage } from "#media/storage/disk";
import { createDecodeBudget, defaultBudget } from "#media/pictures/decode-budget";
import { createTestDatabase } from "./database";

// oxlint-disable-next-line typescript/no-explicit-any -- tests read response bodies as an untyped client does
export type Body = any;

/** A call of the api to the workflow service: `[method, ...arguments]`. */
export type WorkflowCall = [string, ...unknown[]];

/** A workflow client that records its calls; with `isAway` every call fails and none is recorded. */
function createRecordingClient(): WorkflowClient & { calls: WorkflowCall[]; isAway: boolean } {
  const calls: WorkflowCall[] = [];
  const record =
    (name: string) =>
    async (...args: unknown[]) => {
      if (client.isAway) return false;
      calls.push([name, ...args]);
      return true;
    };
  const client = {
    calls,
    isAway: false,
    sessionOpened: record("sessionOpened"),
    stepRequested: record("stepRequested"),
    stepOvertaken: record("stepOvertaken"),
    stepCancelled: record("stepCancelled"),
    sessionFinished: record("sessionFinished"),
    retrievalRetried: record("retrievalRetried"),
    reproductionRequested: record("reproductionRequested"),
    importRequested: record("importRequested"),
    installChanged: record("installChanged"),
    mirrorWanted: record("mirrorWanted"),
    backendChanged: record("backendChanged"),
    refreshModels: async (): Promise<RefreshModelsResult> => ({ modelsCount: 0 }),
    readOffers: record("readOffers"),
    isReachable: async () => !client.isAway,
    workflowUrl: (id: string) => `http://temporal.test/${encodeURIComponent(id)}`,
    close: async () => {},
  };
  return client;
}

/**
 * The whole api with its own database and data folder, without a port. `request` takes a path and calls the app
 * directly; `lines` holds its log.
 */
export async function createTestApi(env: Record<string, string> = {}) {
  const database = await createTestDatabase();
  const dataDir = env["DATA_DIR"] ?? (await mkdtemp(join(tmpdir(), "gallery-api-")));
  const config = loadConfig({ DATABASE_URL: database.url, ...env, DATA_DIR: dataDir });
  const storage = createDiskStorage({ dataDir });
  const installation = await ensureInstallation(database.db);
  await storage.writeMarker(installation.id);
  const probe = createDatabaseProbe(database.url);
  const temporal = createRecordingClient();
  const lines: Record<string, unknown>[] = [];
  const deps: ApiDeps = {
    config,
    installation,
    database,
    databaseIsAway: probe.isAway,
    storage,
    decodeLimits: { budget: createDecodeBudget(defaultBudget), timeoutSeconds: 30 },
    temporal,
    // The lowest possible cost. The cost of a login attempt is tested with the shipped values.
    passwordCost: { memoryCost: 8, timeCost: 1 },
    log: createLog("info", { write: (line) => void lines.push(JSON.parse(line)) }),
    metrics: createMetrics(),
    tracer: null,
    now: () => new Date(),
    newId: () => crypto.randomUUID(),
    closing: new AbortController().signal,
  };
  const app = createApp(deps);

  return {
    deps,
    temporal,
    lines,
    dataDir,
    request: (path: string, init?: RequestInit) =>
      app.handle(new Request(`http://localhost${path}`, init)),
    postJson: (path: string, body: unknown, headers: Record<string, string> = {}) =>
      app.handle(
        new Request(`http://localhost${path}`, {
          method: "POST",
          headers: { "content-type": "application/json", ...headers },
          body: JSON.stringify(body),
        }),
      ),
    /** Sends and receives JSON, by a path below `/api/v1`: status and body, undefined for an empty body. */
    call: async (
      method: string,
      path: string,
      body?: unknown,
      headers: Record<string, string> = {},
    ): Promise<[number, Body]> => {
      const request = new Request(`http://localhost/api/v1${path}`, {
        method,
        headers: {
          accept: "application/json",
          ...(body !== undefined && { "content-type": "application/json" }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      const response = await app.handle(request);
      const text = await response.text();
      return [response.status, text === "" ? undefined : JSON.parse(text)];
    },
    /** Every file of the library, including those still being written, without the marker. */
    files: async () => {
      const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile() && entry.name !== ".installation")
        .map((entry) => join(entry.parentPath, entry.name).slice(dataDir.length + 1))
        .toSorted();
    },
    close: async () => {
      await probe.close();
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export type TestApi = Awaited<ReturnType<typeof createTestApi>>;
