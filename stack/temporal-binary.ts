import { rmSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "./file-lock";
import type { Guardian } from "./guardian";
import { diskFull, Refusal, reportsFullDisk } from "./refusal";
import { buildTemporal, builtVersion } from "./temporal-build";
import { downloadedVersion, downloadTemporal } from "./temporal-download";
import { userCacheFolder } from "./user-cache";
import { waitFor } from "./wait";

/**
 * The first fixed patch of each minor version that CVE-2026-5199 or CVE-2026-5724 affects. Newer minor versions are
 * not affected; older ones are not supported.
 */
const fixedPatches: Readonly<Record<string, number>> = { "1.29": 6, "1.30": 4 };

/** A usable `temporal`, and the version of its server. */
export type TemporalBinary = { path: string; serverVersion: string };

export type Say = (line: string) => void;

/**
 * Finds a `temporal` that runs here: on PATH, in the user's cache, from the official download, or built with Go.
 * @throws Refusal that gives the reason for each of the four, and what to do
 */
export async function findTemporal(
  guardian: Guardian,
  say: Say,
  env: Record<string, string | undefined>,
): Promise<TemporalBinary> {
  const tried: string[] = [];
  const onPath = Bun.which("temporal", { PATH: env["PATH"] ?? "" });
  if (onPath !== null) {
    const found = inspectBinary(onPath);
    if (typeof found !== "string") return found;
    tried.push(`on PATH: ${onPath} ${found}`);
  } else tried.push("on PATH: there is no `temporal`");

  const folder = userCacheFolder(env);
  const cached = () => {
    const found = sources.map(({ version }) => inspectBinary(cachedPath(folder, version)));
    return found.find((one) => typeof one !== "string") ?? (found[0] as string);
  };
  const atFirst = cached();
  if (typeof atFirst !== "string") return atFirst;
  await mkdir(folder, { recursive: true });
  const lock = await waitForLock(join(folder, "temporal.lock"), say);
  try {
    // Another checkout may have fetched it in the meantime.
    const found = cached();
    if (typeof found !== "string") return found;
    tried.push(`in the cache ${folder}: ${found}`);
    await clearPartials(folder);
    return await fetchInto(folder, tried, { guardian, say, env });
  } finally {
    lock.release();
  }
}

const sources = [
  { name: "official download", version: downloadedVersion, obtain: downloadTemporal },
  { name: "built by Go", version: builtVersion, obtain: buildTemporal },
] as const;

const cachedPath = (folder: string, version: string) => join(folder, `temporal-${version}`);

type Tools = { guardian: Guardian; say: Say; env: Record<string, string | undefined> };

async function fetchInto(folder: string, tried: string[], tools: Tools): Promise<TemporalBinary> {
  for (const { name, version, obtain } of sources) {
    const partial = await mkdtemp(join(folder, partialPrefix));
    const removePartial = () => rmSync(partial, { recursive: true, force: true });
    process.once("exit", removePartial); // Ctrl-C in the middle
    try {
      const obtained = inspectBinary(await obtain(partial, tools));
      if (typeof obtained === "string") throw new Error(`the binary ${obtained}`);
      // Renamed into place, so that nobody sees half a file.
      const path = cachedPath(folder, version);
      await rename(obtained.path, path);
      return { ...obtained, path };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reportsFullDisk(reason)) throw new Refusal(diskFull);
      tried.push(`${name}: ${reason}`);
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
      `  - install the Temporal CLI ${downloadedVersion} or newer on PATH: https://docs.temporal.io/cli`,
      `  - put its binary at ${cachedPath(folder, downloadedVersion)}`,
      "  - let this machine reach https://temporal.download",
      "  - install Go 1.25.11 or newer: https://go.dev/dl",
      "  - or set TEMPORAL_ADDRESS to a Temporal service that runs already.",
    ].join("\n"),
  );
}

const partialPrefix = ".partial-";

async function clearPartials(folder: string): Promise<void> {
  // Only the holder of the lock builds, so any other partial file is left from a dead process.
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

/**
 * The usable binary, or why it is not usable. A build by Go calls itself 0.0.0-DEV, so the version of its server
 * decides.
 */
function inspectBinary(path: string): TemporalBinary | string {
  let output: string;
  try {
    const env = { PATH: process.env["PATH"], HOME: process.env["HOME"] };
    const run = Bun.spawnSync([path, "--version"], { stdin: "ignore", timeout: 20_000, env });
    output = run.stdout.toString() + run.stderr.toString();
    if (!run.success) return "does not run";
  } catch {
    return "is not there";
  }
  const serverVersion = /Server (\d+\.\d+\.\d+)/.exec(output)?.[1];
  if (serverVersion === undefined) return "does not report its server's version";
  return isFixed(serverVersion)
    ? { path, serverVersion }
    : `has a server (${serverVersion}) that is too old or has known security faults`;
}

export function isFixed(serverVersion: string): boolean {
  const [major = 0, minor = 0, patch = 0] = serverVersion.split(".").map(Number);
  const fixedPatch = fixedPatches[`${major}.${minor}`];
  if (fixedPatch !== undefined) return patch >= fixedPatch;
  return major > 1 || (major === 1 && minor > 30);
}
