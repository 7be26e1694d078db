import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { foreignEnvironment } from "#stack/environment";
import { tryLock } from "#stack/file-lock";
import { Refusal } from "#stack/refusal";
import { userCacheFolder } from "#stack/user-cache";
import { waitFor } from "#stack/wait";

const version = "1.29.7";
const longestBuildMs = 1_200_000;
const programs = {
  "temporal-server": "go.temporal.io/server/cmd/server",
  "temporal-sql-tool": "go.temporal.io/server/cmd/tools/sql",
};

/** A production server: its programs and its schema. */
export type TemporalServer = { server: string; sqlTool: string; schema: string };

/** Builds Temporal's server with Go, once per user, from the modules of the command line tool that the stack builds. */
export async function findTemporalServer(
  root: string,
  env: Record<string, string | undefined>,
): Promise<TemporalServer> {
  const cache = userCacheFolder(env);
  const folder = join(cache, `temporal-cluster-${version}`);
  const found = {
    server: join(folder, "temporal-server"),
    sqlTool: join(folder, "temporal-sql-tool"),
    schema: join(folder, "schema"),
  };
  if (existsSync(folder)) return found;
  await mkdir(cache, { recursive: true });
  const lock = await waitFor(() => tryLock(join(cache, "temporal-cluster.lock")), {
    timeoutMs: longestBuildMs,
    everyMs: 500,
    onTimeout: () => new Refusal("Another run has been building Temporal for 20 minutes."),
  });
  const partial = await mkdtemp(join(cache, ".temporal-cluster-"));
  try {
    if (existsSync(folder)) return found;
    await build(root, partial, env);
    await rename(partial, folder);
    return found;
  } finally {
    await rm(partial, { recursive: true, force: true });
    lock.release();
  }
}

async function build(
  root: string,
  folder: string,
  env: Record<string, string | undefined>,
): Promise<void> {
  const go = Bun.which("go", { PATH: env["PATH"] ?? "" });
  if (go === null) throw new Refusal("Temporal's server is built with Go 1.25: https://go.dev/dl");
  console.log(
    `Temporal: building the server ${version} with Go; this takes a minute or two, once …`,
  );
  for (const name of ["go.mod", "go.sum"]) {
    await cp(join(root, "stack/temporal-server", name), join(folder, name));
  }
  const run = async (...args: string[]) => {
    const child = Bun.spawn([go, ...args], {
      cwd: folder,
      // The server needs some modules that the command line tool does not; their hashes are added to this copy.
      env: { ...foreignEnvironment(env), GOWORK: "off", GOFLAGS: "-mod=mod" },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [output, faults] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    if ((await child.exited) !== 0)
      throw new Refusal(`go ${args[0]} failed: ${faults.slice(-500)}`);
    return output.trim();
  };
  for (const [name, path] of Object.entries(programs)) {
    await run("build", "-ldflags=-s -w", "-o", join(folder, name), path);
  }
  const module = await run("list", "-m", "-f", "{{.Dir}}", "go.temporal.io/server");
  await cp(join(module, "schema/postgresql/v12"), join(folder, "schema"), { recursive: true });
}

/** The configuration of one node; nodes find each other through the database. */
export function temporalConfig(of: { address: string; database: string; dynamicConfig: string }) {
  const { address, database, dynamicConfig } = of;
  const sql = (databaseName: string, maxConns: number) => ({
    sql: {
      pluginName: "postgres12",
      databaseName,
      connectAddr: `${database}:5432`,
      connectProtocol: "tcp",
      user: "gallery",
      password: "none",
      maxConns,
      maxIdleConns: maxConns,
      maxConnLifetime: "1h",
    },
  });
  const rpc = (grpcPort: number, membershipPort: number) => ({
    rpc: { grpcPort, membershipPort, bindOnIP: address },
  });
  return JSON.stringify({
    log: { stdout: true, level: "warn" },
    persistence: {
      defaultStore: "default",
      visibilityStore: "visibility",
      numHistoryShards: 4,
      datastores: { default: sql("temporal", 15), visibility: sql("temporal_visibility", 5) },
    },
    global: { membership: { maxJoinDuration: "30s", broadcastAddress: address } },
    services: {
      frontend: rpc(7233, 6933),
      matching: rpc(7235, 6935),
      history: rpc(7234, 6934),
      worker: rpc(7239, 6939),
    },
    clusterMetadata: {
      enableGlobalNamespace: false,
      failoverVersionIncrement: 10,
      masterClusterName: "active",
      currentClusterName: "active",
      clusterInformation: {
        active: {
          enabled: true,
          initialFailoverVersion: 1,
          rpcName: "frontend",
          rpcAddress: `${address}:7233`,
        },
      },
    },
    dcRedirectionPolicy: { policy: "noop" },
    dynamicConfigClient: { filepath: dynamicConfig, pollInterval: "10s" },
  });
}
