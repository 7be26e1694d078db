import { rmSync } from "node:fs";
import { tryLock } from "./file-lock";
import { groupIsAlive, signalGroup } from "./process-group";

/**
 * A small process that outlives its parent to clean up. It reads a pipe of lines `+<group> <signal>` (started; the
 * signal that stops it) and `-<group>` (ended). When the pipe closes, however the parent died, it ends every group
 * still recorded and exits.
 */
export type Guardian = {
  watch: (group: number, stopSignal: NodeJS.Signals) => void;
  forget: (group: number) => void;
  /** Kills all recorded groups at once. */
  killAll: () => void;
  /** Closes the pipe; resolves once the guardian has exited. */
  close: () => Promise<void>;
};

type Duties = { lockPath?: string; scratch?: string };

/**
 * Starts the guardian. It holds the lock at `lockPath` while any recorded group may be alive, then removes the folder
 * `scratch`.
 */
export async function startGuardian(duties: Duties = {}): Promise<Guardian> {
  const program = [process.execPath, "--no-env-file", import.meta.path];
  const child = Bun.spawn([...program, JSON.stringify(duties)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
    // It needs no variables, so it holds no secrets.
    env: {},
    // A separate session: neither Ctrl-C in the terminal nor a kill of the parent's group reaches it.
    detached: true,
  });
  child.unref();
  const write = (line: string) => {
    void child.stdin.write(`${line}\n`);
    void child.stdin.flush();
  };
  // Its first byte means that it is reading and holds the lock; without one it could not start.
  const first = await child.stdout.getReader().read();
  if (first.done) throw new Error("the guardian process did not start");
  const recorded = new Set<number>();
  return {
    watch: (group, stopSignal) => {
      recorded.add(group);
      write(`+${group} ${stopSignal}`);
    },
    forget: (group) => {
      recorded.delete(group);
      write(`-${group}`);
    },
    killAll: () => {
      for (const group of recorded) signalGroup(group, "SIGKILL");
    },
    close: async () => {
      await child.stdin.end();
      await child.exited;
    },
  };
}

const graceMs = 4_000;

async function guard(duties: Duties): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  const lock = duties.lockPath === undefined ? undefined : tryLock(duties.lockPath);
  if (duties.lockPath !== undefined && lock === undefined) process.exit(1);
  process.stdout.write("ready\n");

  const groups = new Map<number, NodeJS.Signals>();
  for await (const line of console) {
    const [, sign, group, signal] = /^([+-])(\d+)(?: (SIG[A-Z]+))?$/.exec(line) ?? [];
    if (sign === "+") groups.set(Number(group), signal as NodeJS.Signals);
    else if (sign === "-") groups.delete(Number(group));
  }
  await endGroups(groups);
  if (duties.scratch !== undefined) rmSync(duties.scratch, { recursive: true, force: true });
  lock?.release();
}

async function endGroups(groups: Map<number, NodeJS.Signals>): Promise<void> {
  // Newest first, because later processes depend on earlier ones.
  for (const [group, signal] of [...groups].reverse()) signalGroup(group, signal);
  const deadline = performance.now() + graceMs;
  const living = () => [...groups.keys()].filter(groupIsAlive);
  while (living().length > 0 && performance.now() < deadline) await Bun.sleep(50);
  for (const group of living()) signalGroup(group, "SIGKILL");
}

if (import.meta.main) {
  await guard(JSON.parse(process.argv[2] ?? "{}") as Duties);
  process.exit(0);
}
