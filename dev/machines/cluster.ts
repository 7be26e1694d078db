import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openDatabase, type Database } from "#db/client";
import { applyMigrations } from "#db/migrations";
import { findServed } from "#db/queries/installation/workers";
import { createObjectStore, type ObjectStoreAccess } from "#media/storage/s3/object-store";
import { createSimulatorControl } from "#simulators/invokeai/control-client";
import { allocatorSettings } from "#stack/app-processes";
import { type Guardian, startGuardian } from "#stack/guardian";
import { createDatabase } from "#stack/postgres-database";
import { startProcess } from "#stack/process";
import { waitUntilReady } from "#stack/readiness";
import { Refusal } from "#stack/refusal";
import { waitFor } from "#stack/wait";
import { ensureWorkflowBundle } from "#stack/workflow-bundle";
import { findS3Server } from "../s3-server";
import { createMachine, type Machine } from "./machine";
import { createNetwork } from "./network";
import { createPostgres } from "./postgres";
import { findTemporalServer, temporalConfig, type TemporalServer } from "./temporal-server";

const token = "the-owner-of-several-machines";
const keys = { accessKeyId: "gallery", secretAccessKey: "a-secret-of-this-test" };

/** The variable parts of the three workers. Imports run on the last one. */
const roles = ["generation,images,housekeeping", "generation,images", "images,housekeeping"];

export type Cluster = Awaited<ReturnType<typeof startCluster>>;

/** Starts eleven machines: Postgres, Temporal on two, a proxy, two APIs, three workers, an S3 store, InvokeAI. */
export async function startCluster(
  root: string,
  env: Record<string, string | undefined>,
  folder: string,
) {
  const guardian = await startGuardian();
  try {
    return await start(root, env, folder, guardian);
  } catch (error) {
    guardian.killAll();
    await guardian.close();
    throw error;
  }
}

async function start(
  root: string,
  env: Record<string, string | undefined>,
  folder: string,
  guardian: Guardian,
) {
  const temporal = await findTemporalServer(root, env);
  const s3Server = await findS3Server(guardian, env);
  const bundle = join(folder, "workflow-bundle.js");
  await ensureWorkflowBundle(root, bundle);
  const network = createNetwork((name) => {
    const holder = startProcess(guardian, {
      name: `network of ${name}`,
      command: ["unshare", "--net", "sleep", "infinity"],
      env: { PATH: env["PATH"] },
      cwd: "/",
      logPath: join(folder, "network.log"),
      stopSignal: "SIGKILL",
    });
    waitForNamespace(holder.pid);
    return holder.pid;
  });
  const hosts = Object.fromEntries(
    [
      "database",
      "temporal-1",
      "temporal-2",
      "proxy",
      "api-1",
      "api-2",
      "worker-1",
      "worker-2",
      "worker-3",
      "store",
      "invokeai",
    ].map((name) => [name, network.addHost(name)]),
  );
  const at = (name: string) => hosts[name]!;

  const database = await createPostgres(guardian, at("database"), folder);
  database.start();
  const urlOf = (name: string) => `postgres://gallery:none@${database.address}:5432/${name}`;
  await whenReady("Postgres", database, async () => {
    await createDatabase(urlOf("postgres"), "gallery");
    return true;
  });
  const rows: Database = openDatabase(urlOf("gallery"), {
    maxConnections: 4,
    applicationName: "gallery-judge",
  });
  await applyMigrations(rows);
  await createSchemas(temporal, at("database").address);

  const program = (path: string) => [process.execPath, "--no-env-file", join(root, path)];
  const machine = (name: string, command: string[], own: Record<string, string>) =>
    createMachine(guardian, at(name), {
      command,
      env: { PATH: env["PATH"], HOME: env["HOME"], ...own },
      cwd: root,
      logPath: join(folder, `${name}.log`),
    });

  const nodes: Machine[] = [];
  for (const name of ["temporal-1", "temporal-2"]) {
    const path = join(folder, name);
    await mkdir(path);
    await writeFile(
      join(path, "production.yaml"),
      temporalConfig({
        address: at(name).address,
        database: database.address,
        dynamicConfig: join(root, "ops/compose/temporal.yaml"),
      }),
    );
    const command = [temporal.server, "--root", path, "--config", ".", "--env", "production"];
    nodes.push(machine(name, [...command, "start"], {}));
  }
  const bucketFolder = join(folder, "buckets");
  await mkdir(join(bucketFolder, "photos"), { recursive: true });
  const store = machine(
    "store",
    [s3Server, "--port", `${at("store").address}:7070`, "--quiet", "posix", bucketFolder],
    { ROOT_ACCESS_KEY: keys.accessKeyId, ROOT_SECRET_KEY: keys.secretAccessKey },
  );
  const invokeai = machine(
    "invokeai",
    [
      ...program("simulators/invokeai/main.ts"),
      "--host",
      at("invokeai").address,
      "--port",
      "9090",
      "--step-delay",
      "30",
      "--data",
      join(folder, "invokeai"),
      "--journal",
      join(folder, "generated.jsonl"),
    ],
    {},
  );
  await writeFile(join(folder, "nginx.conf"), nginxConfig(folder, at));
  const proxy = machine(
    "proxy",
    ["nginx", "-p", folder, "-c", join(folder, "nginx.conf"), "-e", join(folder, "nginx.log")],
    {},
  );

  const access: ObjectStoreAccess = {
    endpoint: `http://${store.address}:7070`,
    bucket: "photos",
    prefix: "gallery/",
    region: "us-east-1",
    ...keys,
  };
  const common = (name: string) => ({
    DATABASE_URL: urlOf("gallery"),
    TEMPORAL_ADDRESS: `${proxy.address}:7233`,
    DATA_DIR: join(folder, `data-of-${name}`),
    STORAGE: "s3",
    S3_ENDPOINT: access.endpoint,
    S3_BUCKET: access.bucket,
    S3_PREFIX: access.prefix,
    S3_ACCESS_KEY_ID: keys.accessKeyId,
    S3_SECRET_ACCESS_KEY: keys.secretAccessKey,
    INVOKEAI_LOCAL_URL: `http://${invokeai.address}:9090`,
    INVOKEAI_CONNECTION_TIMEOUT: "3",
    INVOKEAI_READ_TIMEOUT: "10",
    // A machine may be cut off for longer than the usual five attempts take.
    RETRIEVAL_MAX_ATTEMPTS: "100",
    ...allocatorSettings,
  });
  const apis = ["api-1", "api-2"].map((name) =>
    machine(name, program("api/server.ts"), {
      ...common(name),
      HOST: at(name).address,
      PORT: "8000",
      API_TOKEN: token,
      ALLOWED_HOSTS: `${proxy.address},${at(name).address}`,
      TRUSTED_PROXIES: proxy.address,
    }),
  );
  const importRoot = join(folder, "pictures-of-worker-3");
  await mkdir(importRoot);
  const workers = ["worker-1", "worker-2", "worker-3"].map((name, index) =>
    machine(name, program("activities/worker.ts"), {
      ...common(name),
      WORKER_ROLES: roles[index]!,
      WORKFLOW_BUNDLE: bundle,
      ...(name === "worker-3" && { IMPORT_ROOTS: importRoot }),
    }),
  );

  const machines = [database, ...nodes, store, invokeai, proxy, ...apis, ...workers];
  for (const each of machines) if (!each.isRunning()) each.start();
  const headers = { authorization: `Bearer ${token}` };
  const url = `http://${proxy.address}:8000`;
  const isReady = async (timeoutMs: number) => {
    const { isReady: ready, problems } = await waitUntilReady(url, timeoutMs, headers);
    if (!ready) throw new Refusal(`not ready: ${problems.join("; ")}. Logs are in ${folder}.`);
  };
  await isReady(120_000);
  await waitFor(
    async () => ((await findServed(rows.db)).count === workers.length ? true : undefined),
    { timeoutMs: 60_000, everyMs: 200, onTimeout: () => new Refusal("A worker does not start.") },
  );
  return {
    machines,
    url,
    apiUrls: apis.map(({ address }) => `http://${address}:8000`),
    headers,
    rows,
    importRoot,
    objects: createObjectStore(access),
    invokeai: createSimulatorControl(`http://${invokeai.address}:9090`),
    isReady,
    async stop() {
      await rows.close();
      guardian.killAll();
      await guardian.close();
    },
  };
}

async function whenReady(
  what: string,
  machine: Machine,
  ask: () => Promise<boolean>,
): Promise<void> {
  await waitFor(async () => (await ask().catch(() => false)) || undefined, {
    timeoutMs: 60_000,
    everyMs: 200,
    onTimeout: () => new Refusal(`${what} does not start: ${machine.lastWords()}`),
  });
}

/** Until the process has left this program's namespace. */
function waitForNamespace(pid: number): void {
  const own = namespaceOf(process.pid);
  for (let tries = 0; namespaceOf(pid) === own; tries += 1) {
    if (tries === 500)
      throw new Refusal("No network namespace can be made here; run this as root.");
    Bun.sleepSync(10);
  }
}

const namespaceOf = (pid: number) =>
  Bun.spawnSync(["readlink", `/proc/${pid}/ns/net`]).stdout.toString();

async function createSchemas(temporal: TemporalServer, database: string): Promise<void> {
  for (const [name, kind] of [
    ["temporal", "temporal"],
    ["temporal_visibility", "visibility"],
  ] as const) {
    const server = ["--plugin", "postgres12", "--ep", database, "-u", "gallery", "--pw", "none"];
    const versioned = join(temporal.schema, kind, "versioned");
    for (const task of [
      ["create"],
      ["setup-schema", "-v", "0.0"],
      ["update-schema", "-d", versioned],
    ]) {
      const command = [temporal.sqlTool, ...server, "-p", "5432", "--db", name, ...task];
      const { success, stdout, stderr } = Bun.spawnSync(command, {
        stdout: "pipe",
        stderr: "pipe",
      });
      if (!success) throw new Refusal(`${task[0]}: ${stdout.toString()}${stderr.toString()}`);
    }
  }
}

/** One address for both APIs, and one for both frontends of Temporal. */
const nginxConfig = (folder: string, at: (name: string) => { address: string }) => `
daemon off;
pid ${folder}/nginx.pid;
worker_processes 1;
user root;
events { worker_connections 1024; }
http {
  access_log off;
  client_max_body_size 0;
  client_body_temp_path ${folder}/nginx-body;
  proxy_temp_path ${folder}/nginx-proxy;
  fastcgi_temp_path ${folder}/nginx-fastcgi;
  uwsgi_temp_path ${folder}/nginx-uwsgi;
  scgi_temp_path ${folder}/nginx-scgi;
  upstream api {
    server ${at("api-1").address}:8000 max_fails=1 fail_timeout=3s;
    server ${at("api-2").address}:8000 max_fails=1 fail_timeout=3s;
  }
  upstream temporal {
    server ${at("temporal-1").address}:7233 max_fails=1 fail_timeout=3s;
    server ${at("temporal-2").address}:7233 max_fails=1 fail_timeout=3s;
  }
  server {
    listen ${at("proxy").address}:8000;
    location / {
      proxy_pass http://api;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host;
      proxy_connect_timeout 2s;
      proxy_read_timeout 30s;
      proxy_request_buffering off;
      proxy_buffering off;
    }
  }
  server {
    listen ${at("proxy").address}:7233 http2;
    # One connection of a client carries all its calls, for days.
    keepalive_requests 1000000;
    http2_max_concurrent_streams 1000;
    location / {
      grpc_pass grpc://temporal;
      grpc_connect_timeout 2s;
      # A poll for tasks waits for a minute.
      grpc_read_timeout 90s;
      grpc_send_timeout 90s;
    }
  }
}
`;
