import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Guardian } from "./guardian";
import { findFreePort } from "./ports";
import { choosePostgresAccount, type PostgresAccount } from "./postgres-account";
import { findPostgresBinaries } from "./postgres-binaries";
import { clearPostmasterPid, isReady } from "./postmaster-pid";
import { lastLines, type RunningProcess, startProcess } from "./process";
import { diskFull, Refusal, reportsFullDisk } from "./refusal";
import { waitFor } from "./wait";

export type EmbeddedPostgres = {
  /** The superuser's URL for a database of this server. */
  urlOf: (database: string) => string;
  /** Starts the server (again, on the same port) and waits until it accepts connections. */
  start: () => Promise<RunningProcess>;
};

type Options = {
  /** An existing folder for cluster, password and log. */
  stackDir: string;
  /** A folder that any user can access, needed when root has no user namespaces. */
  elsewhere: string;
  /** false: a power cut may lose everything; for tests. */
  durable: boolean;
  maxConnections: number;
};

/** Creates the cluster if there is none yet and prepares its start on a free port. */
export async function preparePostgres(
  guardian: Guardian,
  options: Options,
): Promise<EmbeddedPostgres> {
  const binaries = await findPostgresBinaries();
  const account = await choosePostgresAccount(
    binaries,
    join(options.stackDir, "postgres"),
    options.elsewhere,
  );
  const passwordPath = join(options.stackDir, "postgres-password");
  if (!(await Bun.file(join(account.folder, "PG_VERSION")).exists())) {
    await createCluster(account, passwordPath);
  }
  const password = (await readFile(passwordPath, "utf8")).trim();
  let port = await findFreePort();
  const urlOf = (database: string) => ownUrl({ password, port, database });
  return {
    urlOf,
    start: async () => {
      const first = await launch(guardian, account, options, port);
      if (first === undefined) port = await findFreePort();
      const server = first ?? (await launch(guardian, account, options, port));
      await writeFile(join(options.stackDir, portFile), `${port}\n`);
      if (server !== undefined) return server;
      throw new Refusal("Postgres found no free port; start again.");
    },
  };
}

const portFile = "postgres-port";

const ownUrl = (of: { password: string; port: number | string; database: string }) =>
  `postgres://gallery:${of.password}@127.0.0.1:${of.port}/${of.database}`;

/** The URL for a database of the server that another `./gallery` runs from this folder. */
export async function readOwnUrl(stackDir: string, database: string): Promise<string> {
  const read = async (name: string) => (await readFile(join(stackDir, name), "utf8")).trim();
  return ownUrl({
    password: await read("postgres-password"),
    port: await read(portFile),
    database,
  });
}

async function createCluster(account: PostgresAccount, passwordPath: string): Promise<void> {
  // A cluster without PG_VERSION is left from an interrupted start.
  await rm(account.folder, { recursive: true, force: true });
  await mkdir(account.folder, { mode: 0o700 });
  await account.own(account.folder);
  const password = Buffer.from(crypto.getRandomValues(new Uint8Array(18))).toString("base64url");
  await writeFile(passwordPath, `${password}\n`, { mode: 0o600 });
  const passwordForInitdb = join(account.folder, "..", ".initdb-password");
  await writeFile(passwordForInitdb, `${password}\n`, { mode: 0o600 });
  await account.own(passwordForInitdb);
  try {
    // The built-in provider sorts and folds case identically on every system, whatever its C library.
    const initdb = Bun.spawn(
      [
        ...account.prefix,
        account.binaries.initdb,
        `--pgdata=${account.folder}`,
        "--username=gallery",
        `--pwfile=${passwordForInitdb}`,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
        "--no-sync",
      ],
      { cwd: "/", env: environment, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
    );
    const output = `${await new Response(initdb.stdout).text()}${await new Response(initdb.stderr).text()}`;
    if ((await initdb.exited) !== 0)
      throw failure("Postgres could not create its database", output);
  } finally {
    await rm(passwordForInitdb, { force: true });
  }
}

/** undefined when another program took the port in the meantime. */
async function launch(
  guardian: Guardian,
  account: PostgresAccount,
  options: Options,
  port: number,
): Promise<RunningProcess | undefined> {
  await clearPostmasterPid(account.folder);
  const settings = {
    port: String(port),
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: String(options.maxConnections),
    timezone: "UTC",
    log_timezone: "UTC",
    ...(options.durable
      ? {}
      : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
  };
  const server = startProcess(guardian, {
    name: "postgres",
    command: [
      ...account.prefix,
      account.binaries.postgres,
      "-D",
      account.folder,
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    env: environment,
    cwd: "/",
    logPath: join(options.stackDir, "postgres.log"),
    stopSignal: "SIGINT", // "fast": open sessions are cut, what is committed is on disk
  });
  const outcome = await waitFor(
    async () => {
      if (server.hasExited()) return "exited";
      return (await isReady(account.folder)) ? "ready" : undefined;
    },
    {
      timeoutMs: 60_000, // recovery after a power cut takes its time
      onTimeout: () => failure("Postgres did not become ready within a minute", server.output()),
    },
  ).catch(async (error) => {
    await server.stop(2_000);
    throw error;
  });
  if (outcome === "ready") return server;
  if (/could not bind|Address already in use/i.test(server.output())) return undefined;
  throw failure("Postgres did not start", server.output());
}

function failure(what: string, output: string): Refusal {
  if (reportsFullDisk(output)) return new Refusal(diskFull);
  return new Refusal(`${what}. The end of its output:\n${lastLines(output)}`);
}

const environment = { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" };
