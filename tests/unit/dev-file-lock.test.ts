import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tryLock } from "#stack/file-lock";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "file-lock-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("a lock has one holder at a time and is free after its release", () => {
  const path = join(folder, "one");
  const first = tryLock(path);
  expect(first).toBeDefined();
  expect(tryLock(path)).toBeUndefined();
  first?.release();
  const second = tryLock(path);
  expect(second).toBeDefined();
  second?.release();
});

test("the lock of a process that was killed is free at once", async () => {
  const path = join(folder, "killed");
  const program = `
    import { tryLock } from ${JSON.stringify(import.meta.resolve("#stack/file-lock"))};
    globalThis.lock = tryLock(${JSON.stringify(path)});
    console.log("held");
    setInterval(() => {}, 1000);`;
  const holder = Bun.spawn([process.execPath, "--eval", program], {
    stdout: "pipe",
    stderr: "inherit",
  });
  await holder.stdout.getReader().read();
  const whileHeld = tryLock(path);
  holder.kill("SIGKILL");
  await holder.exited;
  expect(whileHeld).toBeUndefined();
  const lock = tryLock(path);
  expect(lock).toBeDefined();
  lock?.release();
});
