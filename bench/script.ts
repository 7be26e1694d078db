import { join } from "node:path";

/**
 * Runs a script of this folder as a separate process, so that load generators and baselines share no thread with the
 * measured program. It receives `input` on standard input and returns JSON on standard output.
 */
export async function runScript<Output>(name: string, input: unknown): Promise<Output> {
  const child = Bun.spawn(
    [process.execPath, "--no-env-file", join(import.meta.dir, `${name}.ts`)],
    {
      env: { PATH: process.env["PATH"] },
      stdin: new Blob([JSON.stringify(input)]),
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  const output = await new Response(child.stdout).text();
  if ((await child.exited) !== 0) throw new Error(`bench/${name}.ts failed`);
  return JSON.parse(output) as Output;
}

/** The child side of `runScript`. */
export async function answerScript<Input>(work: (input: Input) => Promise<unknown>): Promise<void> {
  const answer = await work((await Bun.stdin.json()) as Input);
  await Bun.write(Bun.stdout, JSON.stringify(answer));
  process.exit(0);
}
