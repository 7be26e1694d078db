import { join } from "node:path";
import type { DataFolder } from "./data-folder";
import type { Guardian } from "./guardian";
import { checkDatabase, checkTemporal } from "./outside-services";
import { preparePostgres } from "./postgres";
import { createDatabase } from "./postgres-database";
import { prepareSimulator } from "./simulator";
import { type Supervised, supervise, type Supervision } from "./supervise";
import { prepareTemporal } from "./temporal";
import { findTemporal, temporalVersion } from "./temporal-binary";

export type Environment = Record<string, string | undefined>;

/** What every part of a running system needs to be started, restarted and stopped. */
export type StackDeps = {
  root: string;
  env: Environment;
  guardian: Guardian;
  folder: DataFolder;
  say: (line: string) => void;
  onGiveUp: (reason: string) => void;
  /** Called with each part as soon as it runs. */
  onStarted: (part: StackPart) => void;
};

/** `app`: worker and api, which go first when everything stops; `service`: what they stand on. */
export type StackPart = { process: Supervised; kind: "app" | "service"; graceMs: number };

/** `DATABASE_URL` of the owner, else an embedded Postgres. @returns the URL */
export async function startDatabase(deps: StackDeps): Promise<string> {
  const given = deps.env["DATABASE_URL"]?.trim();
  if (given) {
    await checkDatabase(given);
    return given;
  }
  const server = await preparePostgres(deps.guardian, {
    stackDir: deps.folder.stackDir,
    elsewhere: "/var/lib/photo-gallery",
    durable: true,
    maxConnections: 100,
  });
  await startPart(
    deps,
    { name: "postgres", start: server.start },
    { kind: "service", graceMs: 2_000 },
  );
  await createDatabase(server.urlOf("postgres"), "gallery");
  return server.urlOf("gallery");
}

/** `TEMPORAL_ADDRESS` of the owner, else Temporal's development server on a database file. */
export async function startTemporal(
  deps: StackDeps,
): Promise<{ address: string; uiUrl: string | undefined }> {
  const given = deps.env["TEMPORAL_ADDRESS"]?.trim();
  if (given) {
    await checkTemporal(given);
    return { address: given, uiUrl: deps.env["TEMPORAL_UI_URL"]?.trim() || undefined };
  }
  const binary = await findTemporal(deps.guardian, deps.say, deps.env);
  const server = await prepareTemporal(deps.guardian, {
    binary,
    // Named after the version, as a file is never migrated; what was in the old one is started again from rows.
    databasePath: join(deps.folder.stackDir, `temporal-${temporalVersion}.db`),
    logPath: logPath(deps, "temporal"),
  });
  await startPart(
    deps,
    { name: "temporal", start: server.start },
    { kind: "service", graceMs: 1_500 },
  );
  return server;
}

/** `INVOKEAI_LOCAL_URL` of the owner, else the simulator. */
export async function startInvokeai(
  deps: StackDeps,
): Promise<{ url: string; isSimulated: boolean }> {
  const given = deps.env["INVOKEAI_LOCAL_URL"]?.trim();
  if (given) return { url: given, isSimulated: false };
  const simulator = prepareSimulator(deps.guardian, {
    root: deps.root,
    dataDir: join(deps.folder.stackDir, "invokeai"),
    logPath: logPath(deps, "invokeai"),
  });
  await startPart(
    deps,
    { name: "invokeai (simulated)", start: simulator.start },
    { kind: "service", graceMs: 1_500 },
  );
  return { url: simulator.url(), isSimulated: true };
}

export async function startPart(
  deps: StackDeps,
  part: Pick<Supervision, "name" | "start">,
  { kind, graceMs }: Pick<StackPart, "kind" | "graceMs">,
): Promise<Supervised> {
  const process = await supervise({ ...part, say: deps.say, onGiveUp: deps.onGiveUp });
  deps.onStarted({ process, kind, graceMs });
  return process;
}

export function logPath(deps: Pick<StackDeps, "folder">, name: string): string {
  return join(deps.folder.stackDir, `${name}.log`);
}
