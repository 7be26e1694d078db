import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { PodProvider } from "#activities/adapters/pods/provider";
import { openTemporal } from "#api/temporal/connection";
import { isReachable } from "#api/temporal/service-state";
import { type Config, unknownValue } from "#config";
import { type Database, openDatabase } from "#db/client";
import { countMissingMigrations } from "#db/migrations";
import { findInstallation } from "#db/queries/installation/inspection";
import { createStorage } from "#library/create-storage";
import type { Storage } from "#media/storage/storage";
import { openProvider } from "../pods/account";
import { readOwnUrl } from "../postgres";
import { Refusal } from "../refusal";
import { findRunning } from "../running";
import { checkApi } from "./api";
import { checkBackups, checkIntegrity } from "./backups";
import { bucketOfBackups, bucketOfPhotos } from "./buckets";
import { checkDatabase } from "./database";
import { type Finding, runChecks } from "./finding";
import { checkInvokeai } from "./invokeai";
import { checkLogs, checkMemory } from "./machine";
import { checkPods } from "./pods";
import { checkRequests } from "./requests";
import { checkSettings, readSettings } from "./settings";
import { showFindings } from "./show";
import { checkStorage } from "./storage";
import { checkSchedules, checkTemporal, checkWorkers } from "./temporal";

type Environment = Record<string, string | undefined>;
type Places = { root: string; calledFrom: string };

const usage = "usage: ./gallery doctor [--json] [--data DIR] [--api URL]";
/** All checks run at once; none takes longer. */
const checkTimeoutMs = 10_000;
const lookUpTimeoutMs = 4_000;
const defaultTemporal = "127.0.0.1:7233";

/**
 * `./gallery doctor`: says in one page what is well and what is not, and changes nothing but a trial object in each bucket.
 * @returns the exit status: 1 when something is at fault
 */
export async function runDoctor(
  args: readonly string[],
  env: Environment,
  places: Places,
): Promise<number> {
  const options = parse(args);
  const findings = await examine(options, env, places);
  console.log(options.json ? JSON.stringify({ findings }, null, 2) : showFindings(findings));
  return findings.some(({ state }) => state === "fault") ? 1 : 0;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        json: { type: "boolean", default: false },
        data: { type: "string" },
        api: { type: "string" },
      },
    }).values;
  } catch (error) {
    throw new Refusal(`${(error as Error).message}\n${usage}`);
  }
}

async function examine(
  options: { data?: string | undefined; api?: string | undefined },
  env: Environment,
  { root, calledFrom }: Places,
): Promise<Finding[]> {
  const dataDir =
    options.data === undefined
      ? resolve(root, env["DATA_DIR"]?.trim() || "data")
      : resolve(calledFrom, options.data);
  const stackDir = join(dataDir, ".stack");
  const running = await findRunning(stackDir);
  const databaseUrl = env["DATABASE_URL"]?.trim() || (await findOwnUrl(stackDir));
  const settings = readSettings({
    ...env,
    DATABASE_URL: databaseUrl ?? "postgres://none",
    DATA_DIR: dataDir,
  });
  const config = "faults" in settings ? undefined : settings;
  const connection = databaseUrl === undefined ? undefined : open(databaseUrl);
  // The checks of what it holds would only repeat that it does not answer.
  const database = connection && (await inTime(isUsable(connection))) ? connection : undefined;
  const storage = config && (await createStorage(config));
  const installationId = await inTime(findInstallationId(database, storage));
  const address = env["TEMPORAL_ADDRESS"]?.trim() || running?.temporalAddress || defaultTemporal;
  const namespace = env["TEMPORAL_NAMESPACE"]?.trim() || `gallery-${installationId ?? "unknown"}`;
  const temporal = openTemporal({ address, namespace });
  const baseUrl = (options.api ?? running?.baseUrl ?? addressOf(env)).replace(/\/+$/, "");
  const runKnown = (await isReachable(temporal)) ? [checkWorkers, checkSchedules] : [];
  const checks = [
    checkSettings(settings, root),
    checkDatabase(connection),
    checkStorage({
      storage,
      bucket: config && bucketOfPhotos(config),
      database,
      maxUploadBytes: config?.limits.maxUploadBytes ?? 0,
    }),
    checkIntegrity(database),
    checkBackups(database, config && bucketOfBackups(config)),
    checkApi(baseUrl, env["API_TOKEN"]?.trim()),
    checkTemporal(temporal, address),
    ...runKnown.map((check) => check(temporal)),
    checkRequests(database, temporal),
    checkInvokeai(database),
    checkPods({
      database,
      installationId,
      provider: config && findProvider(config),
      canRent: Boolean(env["RUNPOD_API_KEY"]?.trim()),
    }),
    checkMemory(),
    checkLogs(stackDir),
  ];
  return runChecks(checks, checkTimeoutMs);
}

const open = (url: string) =>
  openDatabase(url, {
    maxConnections: 4,
    applicationName: "gallery-doctor",
    statementTimeoutMs: lookUpTimeoutMs,
  });

/** Whether it answers and has all tables. */
const isUsable = async ({ db }: Database) => (await countMissingMigrations(db)) === 0;

const findOwnUrl = (stackDir: string): Promise<string | undefined> =>
  readOwnUrl(stackDir, "gallery").catch(() => undefined);

async function findInstallationId(
  database: Database | undefined,
  storage: Storage | undefined,
): Promise<string | undefined> {
  if (database) return (await findInstallation(database.db))?.id;
  return storage?.readMarker();
}

const addressOf = (env: Environment) => `http://127.0.0.1:${env["PORT"]?.trim() || 8000}`;

/** Undefined without a key, and in a program that may only know that there is one. */
function findProvider(config: Config): PodProvider | undefined {
  const key = config.secrets.runpodApiKey;
  return key === null || key === unknownValue ? undefined : openProvider(config);
}

/** Undefined when it fails or takes too long. */
function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  const { promise, resolve: giveUp } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => giveUp(undefined), lookUpTimeoutMs);
  return Promise.race([work.catch(() => undefined), promise]).finally(() => clearTimeout(timer));
}
