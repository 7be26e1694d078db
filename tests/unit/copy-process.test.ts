import { afterAll, beforeAll, expect, test } from "bun:test";
import { constants } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { getPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "#errors";
import type { CopyOrder } from "#media/copies/order";
import { createCopyProcess } from "#media/copies/process";
import { waitFor } from "#stack/wait";
import { painted } from "#tests/fixtures/pictures";

const limitMs = 20_000;
let folder: string;
let picture: string;
let endless: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "copy-process-"));
  picture = join(folder, "picture.jpg");
  await Bun.write(picture, await painted(96, 64).jpeg().toBuffer());
  // A pipe without a writer: native code that opens it never returns.
  endless = join(folder, "endless.jpg");
  if ((await Bun.spawn(["mkfifo", endless]).exited) !== 0) throw new Error("no pipe");
});
afterAll(() => rm(folder, { recursive: true }));

const reencode = (path: string): CopyOrder => ({
  kind: "reencode",
  path,
  mimeType: "image/jpeg",
  target: join(folder, crypto.randomUUID()),
  timeoutSeconds: 30,
});

const plan = (path: string): CopyOrder => ({
  kind: "plan",
  path,
  mimeType: "image/jpeg",
  change: { kind: "strip" },
});

/** Waits until no process reads the endless picture. */
function untilUnread(): Promise<true> {
  const isUnread = async () => {
    try {
      await (await open(endless, constants.O_WRONLY | constants.O_NONBLOCK)).close();
      return undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENXIO") return true;
      throw error;
    }
  };
  const onTimeout = () => new Error("it is still being read");
  return waitFor(isUnread, { timeoutMs: 5_000, onTimeout });
}

test("an order that takes too long is stopped, and the next one is carried out", async () => {
  const copies = createCopyProcess(new AbortController().signal);
  const [late, next] = await Promise.all([
    copies.run(reencode(endless), 2_000),
    copies.run(plan(picture), limitMs),
  ]);
  expect(late).toEqual({ fault: "too_costly" });
  expect(next).toEqual({ pieces: expect.any(Array) });
  await untilUnread();
});

/** The child processes for copies, including those of other tests; not `nice` before it becomes one. */
async function listChildren(): Promise<{ pid: number; nice: string | undefined }[]> {
  const ps = Bun.spawn(["ps", "-A", "-o", "ppid=,pid=,ni=,command="]);
  const lines = (await new Response(ps.stdout).text()).split("\n");
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([parent, , , ...command]) => {
      const isChild = parent === `${process.pid}` && command[0] === process.execPath;
      return isChild && command.join(" ").includes("copies/child.ts");
    })
    .map(([, pid, nice]) => ({ pid: Number(pid), nice }));
}

/** The child process that `run` starts. */
async function startedBy(run: () => void): Promise<{ pid: number; nice: string | undefined }> {
  const before = new Set((await listChildren()).map(({ pid }) => pid));
  run();
  const find = async () => (await listChildren()).find(({ pid }) => !before.has(pid));
  const onTimeout = () => new Error("no process was started");
  return waitFor(find, { timeoutMs: 10_000, onTimeout });
}

test("the process has a low priority and no secrets in its environment", async () => {
  const closing = new AbortController();
  const copies = createCopyProcess(closing.signal);
  let stopped: Promise<unknown> | undefined;
  const { pid, nice } = await startedBy(() => {
    stopped = copies.run(reencode(endless), limitMs).catch((error: unknown) => error);
  });
  expect(Number(nice)).toBe(Math.min(getPriority() + 10, 19));
  if (process.platform === "linux") {
    const environment = await Bun.file(`/proc/${pid}/environ`).text();
    expect(environment).not.toMatch(/DATABASE|TOKEN|PASSWORD|KEY=/);
  }
  closing.abort();
  expect(await stopped).toBeInstanceOf(AppError);
  await untilUnread();
});

test("a picture that crashes the process fails alone", async () => {
  const copies = createCopyProcess(new AbortController().signal);
  let lost: Promise<unknown> | undefined;
  const { pid } = await startedBy(() => (lost = copies.run(reencode(endless), limitMs)));
  const next = copies.run(plan(picture), limitMs);
  process.kill(pid, "SIGKILL");
  expect(await lost).toEqual({ fault: "too_costly" });
  expect(await next).toEqual({ pieces: expect.any(Array) });
});

test("a file that is not a picture and a fault of the disk are different faults", async () => {
  const copies = createCopyProcess(new AbortController().signal);
  const junk = join(folder, "junk.jpg");
  await Bun.write(junk, "no picture");
  expect(await copies.run(reencode(junk), limitMs)).toEqual({ fault: "undecodable" });
  expect(await copies.run(plan(junk), limitMs)).toEqual({ pieces: null });
  expect(await copies.run(reencode(join(folder, "gone.jpg")), limitMs)).toEqual({
    fault: "storage",
  });
  const nowhere = { ...reencode(picture), target: join(picture, "below a file") };
  expect(await copies.run(nowhere, limitMs)).toEqual({ fault: "storage" });
});
