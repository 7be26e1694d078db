import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { allowedEnvironment } from "#stack/environment";
import { readMemory } from "../memory";
import type { Row } from "../table";

/** After this time the first requests, the reconciliation and the reading of models are over. */
const settleMs = 10_000;

/**
 * `up` in a folder that it has used before: the time until it is ready, and the memory of API and worker afterwards.
 */
export async function measureStart(root: string): Promise<Row[]> {
  const dataDir = await mkdtemp(join(tmpdir(), "photo-gallery-start-"));
  try {
    await runUp(root, dataDir, async () => {});
    return await runUp(root, dataDir, async (seconds, pid) => {
      await Bun.sleep(settleMs);
      return [
        {
          what: "./gallery up, second start: ready after",
          ours: seconds,
          unit: "s",
          aim: { atMost: 10 },
        },
        ...(await readIdle(pid, "api", "api/server.ts", 250)),
        ...(await readIdle(pid, "worker", "activities/worker.ts", 450)),
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

async function readIdle(upPid: number, name: string, program: string, aim: number): Promise<Row[]> {
  const pid = await findChild(upPid, program);
  const memory = pid === undefined ? undefined : await readMemory(pid);
  if (memory === undefined) return [];
  return [{ what: `memory of ${name}, idle`, ours: memory.now, unit: "MB", aim: { atMost: aim } }];
}

/** The process that `up` started for a program; Linux only. */
async function findChild(parent: number, program: string): Promise<number | undefined> {
  const all = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of all) {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
    const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (status.includes(`\nPPid:\t${parent}\n`) && command.includes(program)) return Number(pid);
  }
  return undefined;
}
