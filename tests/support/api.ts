import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createApp } from "#api/app";
import { createDatabaseProbe } from "#api/database-watch";
import type { ApiDeps } from "#api/deps";
import { createLog } from "#api/log";
import { createMetrics } from "#api/metrics";
import type { WorkflowTeller } from "#api/workflow-teller";
import { loadConfig } from "#config";
import { ensureInstallation } from "#db/queries/installation";
import { createDiskStorage } from "#media/disk";
import { createPixelBudget, defaultBudget } from "#media/pixel-budget";
import { createTestDatabase } from "./database";

// oxlint-disable-next-line typescript/no-explicit-any -- the tests look at bodies as a client does
export type Body = any;

/** What the api told the workflow service, in order: `[method, ...arguments]`. */
export type Told = [string, ...(string | undefined)[]];

/** A workflow service that writes down what it is told; `isAway` makes it deaf. */
function createRecordingTeller(): WorkflowTeller & { told: Told[]; isAway: boolean } {
  const told: Told[] = [];
  const record =
    (name: string) =>
    async (...args: (string | undefined)[]) => {
      if (teller.isAway) return false;
      told.push([name, ...args]);
      return true;
    };
  const teller = {
    told,
    isAway: false,
    sessionOpened: record("sessionOpened"),
    stepRequested: record("stepRequested"),
    stepCancelled: record("stepCancelled"),
    sessionFinished: record("sessionFinished"),
    retrievalRetried: record("retrievalRetried"),
    reproductionRequested: record("reproductionRequested"),
    importRequested: record("importRequested"),
    refreshModels: async () => ({ modelsCount: 0 }),
    isReachable: async () => !teller.isAway,
    hasWorker: async () => !teller.isAway,
    workflowUrl: (id: string) => `http://temporal.test/${encodeURIComponent(id)}`,
    close: async () => {},
  };
  return teller;
}

/**
 * The whole api on a database and a data folder of its own, without a port. `request` takes a path
 * and goes straight to the app; log lines are kept in `lines`.
 */
export async function createTestApi(env: Record<string, string> = {}) {
  const database = await createTestDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), "gallery-api-"));
  const config = loadConfig({ DATABASE_URL: database.url, DATA_DIR: dataDir, ...env });
  const storage = createDiskStorage({ dataDir });
  await storage.writeMarker((await ensureInstallation(database.db)).id);
  const probe = createDatabaseProbe(database.url);
  const temporal = createRecordingTeller();
  const lines: Record<string, unknown>[] = [];
  const deps: ApiDeps = {
    config,
    database,
    databaseIsAway: probe.isAway,
    storage,
    decoding: { budget: createPixelBudget(defaultBudget), timeoutSeconds: 30 },
    temporal,
    log: createLog("info", { write: (line) => void lines.push(JSON.parse(line)) }),
    metrics: createMetrics(),
    now: () => new Date(),
    newId: () => Bun.randomUUIDv7(),
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
    /** JSON there and back, by a path below `/api/v1`: the status and the body, undefined where there is none. */
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
    /** Every file of the library, also those still being written; without the marker. */
    files: async () => {
      const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile() && entry.name !== ".installation")
        .map((entry) => join(entry.parentPath, entry.name).slice(dataDir.length + 1));
    },
    close: async () => {
      await probe.close();
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

export type TestApi = Awaited<ReturnType<typeof createTestApi>>;
