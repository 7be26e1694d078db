import { join } from "node:path";
import { type DataFolder, isDiskFull } from "./data-folder";
import type { Guardian } from "./guardian";
import { checkDatabase, checkTemporal } from "./outside-services";
import { preparePostgres } from "./postgres";
import { createDatabase } from "./postgres-database";
import { prepareInvokeaiSimulator } from "./simulator";
import { type Supervised, supervise, type Supervision } from "./supervise";
import { prepareTemporal } from "./temporal";
import { findTemporal } from "./temporal-binary";
import { openTemporalUi } from "./temporal-ui";

export type Environment = Record<string, string | undefined>;

/** The dependencies for starting, restarting and stopping the parts of a running system. */
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

/** `app`: worker and API, which stop first; `service`: the programs that they depend on. */
export type StackPart = { process: Supervised; kind: "app" | "service"; graceMs: number };

/**
 * The owner's `DATABASE_URL`, else an embedded Postgres.
 * @returns the URL
 */
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

/** The owner's `TEMPORAL_ADDRESS`, else Temporal's development server with a database file. */
export async function startTemporal(
  deps: StackDeps,
): Promise<{ address: string; uiUrl: string | undefined }> {
  const given = deps.env["TEMPORAL_ADDRESS"]?.trim();
  if (given) {
    await checkTemporal(given);
    return { address: given, uiUrl: deps.env["TEMPORAL_UI_URL"]?.trim() || undefined };
  }
  const { path: binary, serverVersion } = await findTemporal(deps.guardian, deps.say, deps.env);
  const ui = await openTemporalUi(
    join(deps.folder.stackDir, "temporal-ui.json"),
    deps.env["TEMPORAL_UI_PORT"]?.trim() || undefined,
  );
  deps.onStarted({ process: { ...ui, restart: async () => {} }, kind: "service", graceMs: 0 });
  const server = await prepareTemporal(deps.guardian, {
    binary,
    ui: ui.place,
    // Named after the version, because such a file is never migrated. Runs of the old file are restarted from rows.
    databasePath: join(deps.folder.stackDir, `temporal-${serverVersion}.db`),
    logPath: logPath(deps, "temporal"),
  });
  await startPart(
    deps,
    { name: "temporal", start: server.start },
    { kind: "service", graceMs: 1_500 },
  );
  return { address: server.address, uiUrl: ui.url };
}

/** The owner's `INVOKEAI_LOCAL_URL`, else the simulator. */
export async function startInvokeai(
  deps: StackDeps,
): Promise<{ url: string; isSimulated: boolean }> {
  const given = deps.env["INVOKEAI_LOCAL_URL"]?.trim();
  if (given) return { url: given, isSimulated: false };
  const simulator = prepareInvokeaiSimulator(deps.guardian, {
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
  part: Pick<Supervision, "name" | "start" | "liveness">,
  { kind, graceMs }: Pick<StackPart, "kind" | "graceMs">,
): Promise<Supervised> {
  const { say, onGiveUp, folder } = deps;
  const process = await supervise({
    ...part,
    say,
    onGiveUp,
    isDiskFull: () => isDiskFull(folder.stackDir),
  });
  deps.onStarted({ process, kind, graceMs });
  return process;
}

export function logPath(deps: Pick<StackDeps, "folder">, name: string): string {
  return join(deps.folder.stackDir, `${name}.log`);
}
