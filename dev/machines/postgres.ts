import { appendFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Guardian } from "#stack/guardian";
import { choosePostgresAccount } from "#stack/postgres-account";
import { findPostgresBinaries } from "#stack/postgres-binaries";
import { Refusal } from "#stack/refusal";
import { createMachine, type Machine } from "./machine";
import type { Host } from "./network";

const environment = { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" };

/** A machine with Postgres, open to everybody in the network of this test. */
export async function createPostgres(
  guardian: Guardian,
  host: Host,
  folder: string,
): Promise<Machine> {
  await mkdir(join(folder, "elsewhere"), { recursive: true });
  const { prefix, binaries, ...account } = await choosePostgresAccount(
    await findPostgresBinaries(),
    join(folder, "postgres"),
    join(folder, "elsewhere"),
  );
  await mkdir(account.folder, { recursive: true, mode: 0o700 });
  await account.own(account.folder);
  const { success, stderr } = Bun.spawnSync(
    [
      ...prefix,
      binaries.initdb,
      `--pgdata=${account.folder}`,
      "--username=gallery",
      "--auth=trust",
      "--encoding=UTF8",
      "--locale=C",
      "--locale-provider=builtin",
      "--builtin-locale=C.UTF-8",
      "--no-instructions",
      "--no-sync",
    ],
    { cwd: "/", env: environment, stderr: "pipe" },
  );
  if (!success) throw new Refusal(`initdb: ${stderr.toString().slice(-500)}`);
  await appendFile(join(account.folder, "pg_hba.conf"), "host all all 10.0.0.0/8 trust\n");
  const settings = {
    listen_addresses: host.address,
    port: "5432",
    unix_socket_directories: "",
    max_connections: "200",
    timezone: "UTC",
    // What a killed process has written stays; only a power cut of the real machine would lose it.
    fsync: "off",
    // A client whose cable was pulled holds no lock for long.
    tcp_keepalives_idle: "10",
    tcp_keepalives_interval: "5",
    tcp_keepalives_count: "3",
    tcp_user_timeout: "30000",
  };
  return createMachine(guardian, host, {
    command: [
      ...prefix,
      binaries.postgres,
      "-D",
      account.folder,
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    env: environment,
    cwd: "/",
    logPath: join(folder, "postgres.log"),
    stopSignal: "SIGINT",
  });
}
