import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * `bun stack/probe.ts URL`: the health check of a container. Fails unless the address answers 200. The engine restarts
 * only what ends, so that a program that has answered before, and then not three times in a row, is killed.
 */
const [url] = process.argv.slice(2);
if (url === undefined) throw new Error("usage: bun stack/probe.ts URL");

const answerTimeoutMs = 5_000;
const longestSilence = 3;
/** Holds the number of missed answers since the last one; absent before the first. Does not outlive the container's run. */
const missedPath = join(tmpdir(), "probe-missed");

const answer = await fetch(url, {
  signal: AbortSignal.timeout(answerTimeoutMs),
  headers: { connection: "close" },
}).catch(() => undefined);
if (answer === undefined) countMissed();
else writeFileSync(missedPath, "0");
process.exit(answer?.ok ? 0 : 1);

function countMissed(): void {
  const before = readOr(missedPath, "");
  if (before === "") return;
  const missed = Number(before) + 1;
  writeFileSync(missedPath, String(missed));
  if (missed < longestSilence) return;
  rmSync(missedPath);
  // The engine starts a health check from outside of the container. Anywhere else, process 1 is the system's.
  if (process.ppid !== 0) return;
  // The container's init has one child: the program.
  for (const child of readOr("/proc/1/task/1/children", "").trim().split(" ").filter(Boolean)) {
    process.kill(Number(child), "SIGKILL");
  }
}

function readOr(path: string, fallback: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return fallback;
  }
}
