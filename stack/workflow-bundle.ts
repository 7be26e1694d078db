import { join } from "node:path";
import { Refusal } from "./refusal";

/** Rebuilds the bundle at `target` when its sources have changed, by the hash file beside it. */
export async function ensureWorkflowBundle(root: string, target: string): Promise<void> {
  const hash = await hashSources(root);
  const hashFile = Bun.file(`${target}.hash`);
  const isFresh = (await Bun.file(target).exists()) && (await hashFile.exists());
  if (isFresh && (await hashFile.text()) === hash) return;
  const bundler = Bun.spawn(
    [process.execPath, "--no-env-file", join(root, "stack/bundle.ts"), target],
    { cwd: root, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const output = (
    await Promise.all([bundler.stdout, bundler.stderr].map((stream) => new Response(stream).text()))
  ).join("");
  if ((await bundler.exited) !== 0) {
    throw new Refusal(`The workflows could not be bundled:\n${output.trim()}`);
  }
  await Bun.write(hashFile, hash);
}

async function hashSources(root: string): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  const sources = await Array.fromAsync(new Bun.Glob("workflows/**/*.ts").scan(root));
  for (const path of ["bun.lock", "package.json", ...sources.sort()]) {
    hasher.update(`${path}\0`).update(await Bun.file(join(root, path)).bytes());
  }
  return hasher.digest("hex");
}
