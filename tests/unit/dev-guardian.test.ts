import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tryLock } from "#stack/file-lock";
import { startGuardian } from "#stack/guardian";
import { groupIsAlive } from "#stack/process-group";
import { startProcess } from "#stack/process";
import { waitFor } from "#stack/wait";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "guardian-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const plan = (command: string[], name: string) => ({
  name,
  command,
  env: {},
  cwd: folder,
  logPath: join(folder, `${name}.log`),
  stopSignal: "SIGTERM" as const,
});

const gone = (group: number) =>
  waitFor(() => (groupIsAlive(group) ? undefined : true), {
    timeoutMs: 10_000,
    onTimeout: () => new Error(`group ${group} still runs`),
  });

test("processes of a killed parent end, also a process that ignores SIGTERM and its children", async () => {
  const lockPath = join(folder, "killed.lock");
  const scratch = join(folder, "scratch");
  await mkdir(scratch);
  const program = `
    import { startGuardian } from ${JSON.stringify(import.meta.resolve("#stack/guardian"))};
    import { startProcess } from ${JSON.stringify(import.meta.resolve("#stack/process"))};
    const guardian = await startGuardian(${JSON.stringify({ lockPath, scratch })});
    const plan = { env: process.env, cwd: ${JSON.stringify(folder)}, stopSignal: "SIGTERM" };
    const stubborn = startProcess(guardian, { ...plan, name: "stubborn", logPath: ${JSON.stringify(join(folder, "stubborn.log"))},
      command: ["sh", "-c", "trap '' TERM; sleep 300 & wait; sleep 300"] });
    const meek = startProcess(guardian, { ...plan, name: "meek", logPath: ${JSON.stringify(join(folder, "meek.log"))}, command: ["sleep", "300"] });
    console.log(stubborn.pid, meek.pid);
    setInterval(() => {}, 1000);`;
  const parent = Bun.spawn([process.execPath, "--no-env-file", "--eval", program], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const { value } = await parent.stdout.getReader().read();
  const groups = new TextDecoder().decode(value).trim().split(" ").map(Number);
  const before = { alive: groups.map(groupIsAlive), lock: tryLock(lockPath) };
  parent.kill("SIGKILL");
  await parent.exited;
  expect(before).toEqual({ alive: [true, true], lock: undefined });
  for (const group of groups) await gone(group);
  // The free lock tells the next run that no process of this one is left.
  await waitFor(
    () => {
      const lock = tryLock(lockPath);
      lock?.release();
      return lock;
    },
    { timeoutMs: 5_000, onTimeout: () => new Error("the guardian does not release its lock") },
  );
  expect(existsSync(scratch)).toBe(false);
}, 60_000);

test("a process that ends by itself is no longer recorded, and its children end with it", async () => {
  const guardian = await startGuardian();
  const short = startProcess(guardian, plan(["/bin/sh", "-c", "sleep 300 & exit 3"], "short"));
  expect(await short.exited).toBe(3);
  await gone(short.pid);
  await guardian.close();
});

test("a process that ignores SIGTERM is killed after its grace period", async () => {
  const guardian = await startGuardian();
  const deaf = startProcess(
    guardian,
    plan(["/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done"], "deaf"),
  );
  await waitFor(() => (deaf.output().includes("up") ? true : undefined), {
    timeoutMs: 5_000,
    onTimeout: () => new Error("it did not start"),
  });
  await deaf.stop(200);
  expect(await deaf.exited).toBe(137);
  await gone(deaf.pid);
  await guardian.close();
});
