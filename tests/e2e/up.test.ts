import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "#dev/ports";
import { until } from "#tests/support/wait";

const root = join(import.meta.dir, "../..");
const folders: string[] = [];
const started: Bun.Subprocess[] = [];

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gallery-up-"));
  folders.push(folder);
  return folder;
}

/** `./gallery up` without the script around it, which would let an owner's .env in. */
function startUp(...args: string[]) {
  const child = Bun.spawn([process.execPath, "--no-env-file", "dev/main.ts", "up", ...args], {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  started.push(child);
  let output = "";
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) output += decoder.decode(chunk, { stream: true });
  };
  const drained = Promise.all([read(child.stdout), read(child.stderr)]);
  return {
    child,
    output: () => output,
    isUp: () =>
      until(
        "the gallery to be up",
        () => {
          if (child.exitCode !== null) throw new Error(`it ended:\n${output}`);
          return output.includes("Ctrl-C stops everything");
        },
        90_000,
      ),
    ended: async () => {
      const code = await child.exited;
      await drained;
      return code;
    },
  };
}

/** Every process that names the folder in its command or in its environment. */
async function processesOf(folder: string): Promise<string[]> {
  if (process.platform !== "linux") {
    const list = Bun.spawnSync(["ps", "-A", "-E", "-ww", "-o", "command="]).stdout.toString();
    return list.split("\n").filter((line) => line.includes(folder));
  }
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const texts = await Promise.all(
    pids.map(async (pid) => {
      const read = (name: string) => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
      return `${await read("cmdline")}\0${await read("environ")}`;
    }),
  );
  return texts.filter((text) => text.includes(folder)).map((text) => text.replaceAll("\0", " "));
}

const nothingRunsIn = (folder: string) =>
  until(
    `every process of ${folder} to end`,
    async () => {
      return (await processesOf(folder)).length === 0;
    },
    15_000,
  );

let main = "";
beforeAll(async () => {
  main = await newFolder();
});
afterAll(async () => {
  for (const child of started) if (child.exitCode === null) child.kill("SIGTERM");
  await Promise.all(started.map((child) => child.exited));
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
}, 30_000);

test("the tour works on an empty folder, shows where to look, and leaves nothing running", async () => {
  const up = startUp("--demo", "--once", "--port", "0", "--data", main);
  const code = await up.ended();
  expect(up.output()).not.toContain("The tour ended early");
  expect(code).toBe(0);
  expect(up.output()).toMatch(/http:\/\/127\.0\.0\.1:\d+\/s\/[\w-]{43}/);
  expect(up.output()).toMatch(/http:\/\/127\.0\.0\.1:\d+\/namespaces\/gallery-\S+\/workflows\/\S+/);
  expect(up.output()).toContain("SIMULATED");
  const generated = await readdir(join(main, "photos/generated"), { recursive: true });
  expect(generated.filter((name) => name.endsWith(".png"))).toHaveLength(8);
  await nothingRunsIn(main);
}, 180_000);

test("a killed up leaves nothing running and the next one takes over; a folder or port in use is refused with words", async () => {
  const port = String(await findFreePort());
  const first = startUp("--port", port, "--data", main);
  await first.isUp();

  const sameFolder = startUp("--port", "0", "--data", main);
  expect(await sameFolder.ended()).toBe(1);
  expect(sameFolder.output()).toContain(`in use by another ./gallery up (pid ${first.child.pid})`);

  const other = await newFolder();
  const samePort = startUp("--port", port, "--data", other);
  expect(await samePort.ended()).toBe(1);
  expect(samePort.output()).toContain(`Port ${port} is taken`);

  first.child.kill("SIGKILL");
  await first.child.exited;
  const second = startUp("--port", port, "--data", main);
  await second.isUp();
  // Two installations run side by side.
  const beside = startUp("--port", "0", "--data", other);
  await beside.isUp();
  beside.child.kill("SIGINT");
  beside.child.kill("SIGINT");
  await beside.ended();
  await nothingRunsIn(other);

  const askedAt = performance.now();
  second.child.kill("SIGTERM");
  expect(await second.ended()).toBe(0);
  expect(performance.now() - askedAt).toBeLessThan(10_000);
  await nothingRunsIn(main);
}, 240_000);
