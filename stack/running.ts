import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Where the parts of a `./gallery up` listen. */
export type Running = { baseUrl: string; temporalAddress: string };

const pathIn = (stackDir: string) => join(stackDir, "running.json");

/** For other verbs of `./gallery` on the same data folder. */
export async function writeRunning(stackDir: string, running: Running): Promise<void> {
  await writeFile(pathIn(stackDir), `${JSON.stringify(running)}\n`, { mode: 0o600 });
}

/** Where the parts of the last `./gallery up` of a folder listened; undefined before the first. */
export async function findRunning(stackDir: string): Promise<Running | undefined> {
  try {
    return JSON.parse(await readFile(pathIn(stackDir), "utf8")) as Running;
  } catch {
    return undefined;
  }
}
