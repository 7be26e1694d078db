import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allowedEnvironment, readOwnersEnvironment } from "./environment";
import { type Guardian, startGuardian } from "./guardian";
import { preparePostgres } from "./postgres";
import { dropDatabase } from "./postgres-database";
import type { RunningProcess } from "./process";
import { prepareTemporal } from "./temporal";
import { findTemporal } from "./temporal-binary";
import { chooseTestDatabase } from "./test-database";
import { ensureWorkflowBundle } from "./workflow-bundle";

type Environment = Record<string, string | undefined>;

export type TestServices = {
  /** For the tests: the allowed part of the caller's environment, and the addresses of the servers. */
  env: Environment;
  /** A folder of this run; the guardian removes it. */
  folder: string;
  guardian: Guardian;
  /** Processes whose use is measured. */
  servers: { temporal: RunningProcess };
  /** Stops everything that was started; may be called twice. */
  stop: () => Promise<void>;
};

/**
 * Starts the services for tests and benchmarks, once per run and on free ports: Postgres in a temporary folder (unless
 * the caller names a server for tests), Temporal, and the workflow bundle.
 * @param options.durable as with `up`: Postgres flushes to disk and Temporal keeps its state in a file
 */
export async function startTestServices(
  root: string,
  env: Environment,
  { durable }: { durable: boolean },
): Promise<TestServices> {
  const dotenv = await readOwnersEnvironment(root, ["DATABASE_URL", "TEST_DATABASE_URL"]);
  const givenDatabase = chooseTestDatabase(env, dotenv);
  const folder = await mkdtemp(join(tmpdir(), "photo-gallery-"));
  const guardian = await startGuardian({ scratch: folder });
  // Searchable by others, so that Postgres can run as another user if necessary.
  await chmod(folder, 0o711);
  const template = `gallery_test_template_${randomBytes(8).toString("hex")}`;
  const running: RunningProcess[] = [];
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= (async () => {
      await Promise.all(running.map((each) => each.stop(4_000)));
      await guardian.close();
      // On our own server the database ends with the server.
      if (givenDatabase !== undefined) await dropDatabase(givenDatabase, template);
    })();
    return stopped;
  };

  const startPostgres = async () => {
    if (givenDatabase !== undefined) return givenDatabase;
    const elsewhere = join(folder, "elsewhere");
    await mkdir(elsewhere);
    const server = await preparePostgres(guardian, {
      stackDir: folder,
      elsewhere,
      durable,
      maxConnections: 300,
    });
    running.push(await server.start());
    return server.urlOf("postgres");
  };
  const startTemporal = async () => {
    const say = (line: string) => console.error(line);
    const { path: binary } = await findTemporal(guardian, say, env);
    const start = async () => {
      const server = await prepareTemporal(guardian, {
        binary,
        ui: null,
        databasePath: durable ? join(folder, "temporal.db") : null,
        logPath: join(folder, "temporal.log"),
      });
      const process = await server.start();
      running.push(process);
      return { ...server, binary, process };
    };
    // Another program may take the port between its choice and the start.
    return start().catch(start);
  };
  const bundle = join(folder, "workflow-bundle.js");
  const starts = [startPostgres(), startTemporal(), ensureWorkflowBundle(root, bundle)] as const;
  try {
    const [databaseUrl, temporal] = await Promise.all(starts);
    return {
      folder,
      guardian,
      servers: { temporal: temporal.process },
      env: {
        ...allowedEnvironment(env),
        TEST_DATABASE_URL: databaseUrl,
        TEST_DATABASE_TEMPLATE: template,
        TEST_TEMPORAL_ADDRESS: temporal.address,
        TEST_TEMPORAL_BINARY: temporal.binary,
        TEST_WORKFLOW_BUNDLE: bundle,
      },
      stop,
    };
  } catch (error) {
    await stop();
    // Without guardian and services the other starts fail too; wait for them before removing the folder.
    await Promise.allSettled(starts);
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
