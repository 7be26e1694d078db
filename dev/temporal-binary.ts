import { rmSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { tryLock } from "./file-lock";
import type { Guardian } from "./guardian";
import { diskFull, Refusal, tellsOfFullDisk } from "./refusal";
import { buildTemporal } from "./temporal-build";
import { downloadTemporal } from "./temporal-download";
import { waitFor } from "./wait";

/** The pinned release; its server is 1.29.1. Later ones cannot be built through the Go proxy. */
export const temporalVersion = "1.5.1";
const oldestServer = [1, 29] as const;

export type Say = (line: string) => void;

/**
 * A `temporal` that runs here: from PATH, from the user's cache, from the official download, or built by Go.
 * @returns its path
 * @throws Refusal that tells for each of the four why it did not serve and what to do
 */
export async function findTemporal(
  guardian: Guardian,
  say: Say,
  env: Record<string, string | undefined>,
): Promise<string> {
  const tried: string[] = [];
  const onPath = Bun.which("temporal", { PATH: env["PATH"] ?? "" });
  if (onPath !== null) {
    const fault = faultOf(onPath);
    if (fault === undefined) return onPath;
    tried.push(`on PATH: ${onPath} ${fault}`);
  } else tried.push("on PATH: there is no `temporal`");

  const folder = cacheFolder(env);
  const cached = join(folder, `temporal-${temporalVersion}`);
  if (faultOf(cached) === undefined) return cached;
  await mkdir(folder, { recursive: true });
  const lock = await waitForLock(join(folder, "temporal.lock"), say);
  try {
    // Another checkout may have brought it while we waited.
    const fault = faultOf(cached);
    if (fault === undefined) return cached;
    tried.push(`in the cache ${folder}: ${fault}`);
    await clearPartials(folder);
    return await fetchInto(folder, cached, tried, { guardian, say, env });
  } finally {
    lock.release();
  }
}

type Means = { guardian: Guardian; say: Say; env: Record<string, string | undefined> };

async function fetchInto(
  folder: string,
  cached: string,
  tried: string[],
  means: Means,
): Promise<string> {
  const sources = { download: downloadTemporal, go: buildTemporal };
  for (const [name, bring] of Object.entries(sources)) {
    const partial = await mkdtemp(join(folder, partialPrefix));
    const removePartial = () => rmSync(partial, { recursive: true, force: true });
    process.once("exit", removePartial); // Ctrl-C in the middle
    try {
      const binary = await bring(partial, temporalVersion, means);
      const fault = faultOf(binary);
      if (fault !== undefined) throw new Error(`what it brought ${fault}`);
      // Renamed into place: nobody ever sees half a file.
      await rename(binary, cached);
      return cached;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (tellsOfFullDisk(reason)) throw new Refusal(diskFull);
      tried.push(`${name === "go" ? "built by Go" : "official download"}: ${reason}`);
    } finally {
      removePartial();
      process.off("exit", removePartial);
    }
  }
  throw new Refusal(
    [
      "No Temporal server could be found, downloaded or built. Tried:",
      ...tried.map((line) => `  - ${line}`),
      "Do one of these and start again:",
      `  - install the Temporal CLI ${temporalVersion} or newer on PATH: https://docs.temporal.io/cli`,
      `  - put its binary at ${cached}`,
      "  - let this machine reach https://temporal.download",
      "  - install Go 1.25 or newer: https://go.dev/dl",
      "  - or set TEMPORAL_ADDRESS to a Temporal service that runs already.",
    ].join("\n"),
  );
}

const partialPrefix = ".partial-";

async function clearPartials(folder: string): Promise<void> {
  // Whoever holds the lock is the only builder: any other's half is a dead one's.
  for (const name of await readdir(folder)) {
    if (name.startsWith(partialPrefix))
      await rm(join(folder, name), { recursive: true, force: true });
  }
}

async function waitForLock(path: string, say: Say) {
  const lock = tryLock(path);
  if (lock !== undefined) return lock;
  say("Temporal: another start is fetching it; waiting for that …");
  return await waitFor(() => tryLock(path), {
    timeoutMs: 1_800_000,
    everyMs: 500,
    onTimeout: () => new Refusal("Another start has been fetching Temporal for half an hour."),
  });
}

function cacheFolder(env: Record<string, string | undefined>): string {
  return join(env["XDG_CACHE_HOME"] || join(env["HOME"] ?? homedir(), ".cache"), "photo-gallery");
}

/** Why a binary cannot serve, or undefined when it can. A build by Go calls itself 0.0.0-DEV, so its server's version decides. */
function faultOf(path: string): string | undefined {
  let output: string;
  try {
    const run = Bun.spawnSync([path, "--version"], { stdin: "ignore", timeout: 20_000 });
    output = run.stdout.toString() + run.stderr.toString();
    if (!run.success) return "does not run";
  } catch {
    return "is not there";
  }
  const [, major, minor] = /Server (\d+)\.(\d+)\./.exec(output) ?? [];
  if (major === undefined || minor === undefined) return "does not tell its server's version";
  const isOld =
    Number(major) < oldestServer[0] ||
    (Number(major) === oldestServer[0] && Number(minor) < oldestServer[1]);
  return isOld
    ? `is too old (server ${major}.${minor}, needed ${oldestServer.join(".")})`
    : undefined;
}
