import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { foreignEnvironment } from "../environment";
import { Refusal } from "../refusal";
import { runpodFolder } from "../simulated-runpod";
import type { Environment } from "../stack";

/**
 * Prepares a gallery that rents at a simulated RunPod: it must not know a key or a database of the owner, and must not take
 * over a folder whose pods are real.
 * @returns the environment for its programs
 * @throws Refusal when the data folder holds another gallery, or the machine cannot run pods
 */
export async function prepareOwnGallery(
  { dataDir }: { dataDir: string },
  env: Environment,
): Promise<Environment> {
  const isTaken = [".stack", "photos/.installation"].some((name) =>
    existsSync(join(dataDir, name)),
  );
  if (isTaken && !existsSync(runpodFolder(dataDir))) {
    throw new Refusal(
      `The folder ${dataDir} holds a gallery; --remote-demo changes its settings, so it needs another one: leave out --data, or name a new folder.`,
    );
  }
  if (Bun.which("python3") === null) {
    throw new Refusal(
      "--remote-demo needs python3: the program that guards a rented pod runs in it.",
    );
  }
  await mkdir(runpodFolder(dataDir), { recursive: true, mode: 0o700 });
  return foreignEnvironment(env);
}
