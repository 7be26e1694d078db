/** Runs a command of node_modules/.bin, or a program of ours, under Bun, so that Node is not needed. */
export async function runTool(
  root: string,
  command: readonly string[],
  env: Record<string, string | undefined>,
): Promise<{ success: boolean; output: string }> {
  const child = Bun.spawn(
    [process.execPath, "--no-env-file", "run", "--bun", "--silent", ...command],
    { cwd: root, env, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const streams = [child.stdout, child.stderr].map((stream) => new Response(stream).text());
  const output = (await Promise.all(streams)).join("");
  return { success: (await child.exited) === 0, output };
}
