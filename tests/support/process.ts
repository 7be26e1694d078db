import { join } from "node:path";
import type { Subprocess } from "bun";
import { given } from "./environment";

export type TestProcess = {
  pid: number;
  /** Settles when the process has ended, for any reason. */
  exited: Promise<number>;
  /** Everything it printed so far. */
  output: () => string;
  /** Sends SIGKILL and waits for the end. */
  kill(): Promise<void>;
  /** Sends SIGTERM; returns the exit code. */
  stop(): Promise<number>;
};

const project = new URL("../../", import.meta.url).pathname;

/** The script of the api or the worker: in a run of many files their bundle, unless `root` holds sources of its own. */
export function programPath(name: "api" | "worker", root?: string): string {
  const bundles = given("TEST_PROGRAMS");
  return bundles === undefined || root !== undefined
    ? `tests/support/processes/${name}.ts`
    : join(bundles, `${name}.js`);
}

/** Starts a script, by its path below `root`, as a process; of the tests' environment it gets PATH and HOME only. `under`: a
 * command that starts it. */
export function startProcess(
  script: string,
  env: Record<string, string>,
  root = project,
  under: readonly string[] = [],
): TestProcess {
  const child: Subprocess<"ignore", "pipe", "pipe"> = Bun.spawn(
    [...under, process.execPath, "--no-env-file", "run", script],
    {
      cwd: root,
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  let output = "";
  const read = async (stream: ReadableStream<Uint8Array>) => {
    for await (const chunk of stream) output += new TextDecoder().decode(chunk);
  };
  const drained = Promise.all([read(child.stdout), read(child.stderr)]);
  return {
    pid: child.pid,
    exited: child.exited,
    output: () => output,
    async kill() {
      child.kill("SIGKILL");
      await child.exited;
    },
    async stop() {
      child.kill("SIGTERM");
      const code = await child.exited;
      await drained;
      return code;
    },
  };
}
