import { copyFile, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onSmallDisk } from "./small-disk";
import { required } from "./environment";
import { until } from "./wait";

const root = join(import.meta.dir, "../..");

/** Runs `./gallery up` without its shell script, which would load the owner's .env. */
export function createUps() {
  const folders: string[] = [];
  const started: Bun.Subprocess[] = [];

  async function newFolder(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), "gallery-up-"));
    folders.push(folder);
    return folder;
  }

  /** A data folder with the workflows bundled, as after an earlier start: their bundling is tested with an empty one. */
  async function preparedFolder(): Promise<string> {
    const folder = await newFolder();
    await mkdir(join(folder, ".stack"), { mode: 0o700 });
    const bundle = required("TEST_WORKFLOW_BUNDLE");
    for (const end of ["", ".hash"]) {
      await copyFile(`${bundle}${end}`, join(folder, `.stack/workflow-bundle.js${end}`));
    }
    return folder;
  }

  /**
   * @param env added to the environment of the tests
   * @param disk mounts a small disk at its folder, visible only to the process and below its /proc/<pid>/root
   */
  function startUp(
    args: string[],
    env: Record<string, string> = {},
    disk?: { folder: string; megabytes: number },
  ) {
    const command = [process.execPath, "--no-env-file", "cli.ts", "up", ...args];
    const child = Bun.spawn(disk ? [...onSmallDisk(disk), ...command] : command, {
      cwd: root,
      env: { ...process.env, ...env },
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

  return {
    newFolder,
    preparedFolder,
    startUp,
    stop: async () => {
      for (const child of started) if (child.exitCode === null) child.kill("SIGTERM");
      await Promise.all(started.map((child) => child.exited));
      for (const folder of folders) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Runs another verb of `./gallery` to its end, without any setting. */
export async function runVerb(...args: string[]): Promise<{ code: number; output: string }> {
  const child = Bun.spawn([process.execPath, "--no-env-file", "cli.ts", ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, HOME: process.env.HOME },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const texts = await Promise.all(
    [child.stdout, child.stderr].map((stream) => new Response(stream).text()),
  );
  return { code: await child.exited, output: texts.join("") };
}

type Part = { pid: number; command: string; environ: string };

/** Every process with the folder in its command line or environment. */
export async function processesOf(folder: string): Promise<Part[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const parts = await Promise.all(
    pids.map(async (pid) => {
      const read = (name: string) => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
      const [command, environ] = [await read("cmdline"), await read("environ")];
      return { pid: Number(pid), command: command.replaceAll("\0", " "), environ };
    }),
  );
  return parts.filter(({ command, environ }) => `${command}\0${environ}`.includes(folder));
}

export const nothingRunsIn = (folder: string) =>
  until(
    `every process of ${folder} to end`,
    async () => (await processesOf(folder)).length === 0,
    15_000,
  );
