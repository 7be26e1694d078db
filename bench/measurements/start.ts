import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allowedEnvironment } from "#stack/environment";
import { listProcesses, type Process, readMemory, readShare } from "../memory";
import type { Row } from "../table";

/** After this time the first requests, the reconciliation and the reading of models are over. */
const settleMs = 60_000;

/**
 * `up` in a folder that it has used before: the time until it is ready, and the memory of all its parts afterwards.
 */
export async function measureStart(root: string): Promise<Row[]> {
  const dataDir = await mkdtemp(join(tmpdir(), "photo-gallery-start-"));
  try {
    await runUp(root, dataDir, async () => {});
    return await runUp(root, dataDir, async (seconds, pid) => {
      await Bun.sleep(settleMs);
      const processes = await listProcesses(pid);
      return [
        {
          what: "./gallery up, second start: ready after",
          ours: seconds,
          unit: "s",
          aim: { atMost: 10 },
        },
        ...(await readIdle(processes, "api", 250)),
        ...(await readIdle(processes, "worker", 450)),
        ...(await readShares(processes)),
      ];
    });
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** Starts `up`, runs `work` once it is ready, and stops it. Without `.env`, which may name the owner's database. */
async function runUp<T>(
  root: string,
  dataDir: string,
  work: (seconds: number, pid: number) => Promise<T>,
): Promise<T> {
  const startedAt = performance.now();
  const up = Bun.spawn(
    [
      process.execPath,
      "--no-env-file",
      join(root, "cli.ts"),
      "up",
      "--port",
      "0",
      "--data",
      dataDir,
    ],
    {
      cwd: root,
      env: allowedEnvironment(process.env),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  try {
    let said = "";
    for await (const chunk of up.stdout.pipeThrough(new TextDecoderStream())) {
      said += chunk;
      if (/The gallery is up/.test(said)) {
        return await work((performance.now() - startedAt) / 1_000, up.pid);
      }
    }
    throw new Error(`./gallery up did not become ready:\n${said}`);
  } finally {
    up.kill("SIGTERM");
    await up.exited;
  }
}

async function readIdle(
  processes: readonly Process[],
  name: "api" | "worker",
  aim: number,
): Promise<Row[]> {
  const found = processes.find(({ command }) => partOf(command) === name);
  const memory = found && (await readMemory(found.pid));
  if (memory === undefined) return [];
  return [{ what: `memory of ${name}, idle`, ours: memory.now, unit: "MB", aim: { atMost: aim } }];
}

/** Parts of the gallery by what only their command lines hold; `up` itself and its guardian have none of these. */
const parts = {
  Temporal: "start-dev",
  worker: "activities/worker.ts",
  api: "api/server.ts",
  "InvokeAI, simulated": "simulators/invokeai",
  Postgres: "postgres",
};
const launcher = "up, guardian";

function partOf(command: string): string {
  return Object.entries(parts).find(([, mark]) => command.includes(mark))?.[0] ?? launcher;
}

/** The share of each part in the memory of all, and their sum without the simulator. Linux only. */
async function readShares(processes: readonly Process[]): Promise<Row[]> {
  const shares: Record<string, number> = {};
  for (const { pid, command } of processes) {
    const name = partOf(command);
    shares[name] = (shares[name] ?? 0) + ((await readShare(pid)) ?? 0);
  }
  const { "InvokeAI, simulated": _simulated, ...own } = shares;
  const sum = Object.values(own).reduce((total, share) => total + share, 0);
  if (sum === 0) return [];
  const unit = "MB";
  return [
    { what: "share of memory at rest, all but InvokeAI", ours: sum, unit, aim: { atMost: 420 } },
    ...Object.entries(shares).map(([name, ours]) => ({ what: `… ${name}`, ours, unit })),
  ];
}
