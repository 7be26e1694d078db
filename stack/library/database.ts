import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isInUse, takeDataFolder } from "../data-folder";
import { startGuardian } from "../guardian";
import { checkDatabase } from "../outside-services";
import { preparePostgres, readOwnUrl } from "../postgres";
import { createDatabase } from "../postgres-database";
import { Refusal } from "../refusal";

type Environment = Record<string, string | undefined>;

/**
 * Passes the URL of the gallery's database to `use`: the owner's DATABASE_URL, else the embedded Postgres of the data folder,
 * which is started for this if `./gallery up` does not run.
 * @param options.mayRun whether `./gallery up` may run meanwhile
 */
export async function withDatabase<T>(
  options: { root: string; env: Environment; dataDir: string; mayRun: boolean },
  use: (url: string) => Promise<T>,
): Promise<T> {
  const { env, dataDir, mayRun } = options;
  const given = env["DATABASE_URL"]?.trim();
  if (given) {
    await checkDatabase(given);
    return use(given);
  }
  const isRunning = await isInUse(dataDir);
  if (isRunning && !mayRun) {
    throw new Refusal(`./gallery up runs on ${dataDir}; stop it first.`);
  }
  if (isRunning) return use(await readOwnUrl(join(dataDir, ".stack"), "gallery"));
  if (mayRun && !(await hasOwnDatabase(dataDir))) {
    throw new Refusal(
      `There is no gallery in ${dataDir}. Name its data folder with --data, or set DATABASE_URL.`,
    );
  }
  return withOwnServer(dataDir, use);
}

const hasOwnDatabase = (dataDir: string) =>
  readFile(join(dataDir, ".stack/postgres-password")).then(
    () => true,
    () => false,
  );

async function withOwnServer<T>(dataDir: string, use: (url: string) => Promise<T>): Promise<T> {
  const say = (line: string) => console.error(line);
  const folder = await takeDataFolder(dataDir, say);
  const guardian = await startGuardian({ lockPath: folder.processesLockPath });
  try {
    const server = await preparePostgres(guardian, {
      stackDir: folder.stackDir,
      elsewhere: "/var/lib/photo-gallery",
      durable: true,
      maxConnections: 100,
    });
    const running = await server.start();
    try {
      await createDatabase(server.urlOf("postgres"), "gallery");
      return await use(server.urlOf("gallery"));
    } finally {
      await running.stop(10_000);
    }
  } finally {
    await guardian.close();
    folder.release();
  }
}
