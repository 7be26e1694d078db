import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { freemem, totalmem } from "node:os";
import { readableBytes } from "#library/commands/output";
import type { Check } from "./finding";

const tightMemoryBytes = 300_000_000;
const readLogBytes = 256 * 1024;
const recentMs = 60 * 60_000;

/** Memory that programs can still get: of the container, else of the machine. */
export function checkMemory(): Check {
  return {
    part: "memory",
    async run({ ok, warning }) {
      const { free, total, of } = await readMemory();
      const text = `${readableBytes(free)} of ${readableBytes(total)} are available on this ${of}`;
      if (free < tightMemoryBytes) {
        warning(text, "Stop other programs or add memory: the system ends programs without it.");
      } else ok(text);
    },
  };
}

async function readMemory(): Promise<{ free: number; total: number; of: string }> {
  const read = (path: string) => readFile(path, "utf8").catch(() => "");
  const [max, current, stat, info] = await Promise.all([
    read("/sys/fs/cgroup/memory.max"),
    read("/sys/fs/cgroup/memory.current"),
    read("/sys/fs/cgroup/memory.stat"),
    read("/proc/meminfo"),
  ]);
  const limit = Number(max);
  if (limit > 0 && limit < totalmem()) {
    // The kernel gives up cached files when programs need their memory.
    const cached = Number(/^inactive_file (\d+)$/m.exec(stat)?.[1] ?? 0);
    return { free: limit - Number(current) + cached, total: limit, of: "container" };
  }
  const available = Number(/^MemAvailable: +(\d+) kB$/m.exec(info)?.[1] ?? 0) * 1024;
  return { free: available || freemem(), total: totalmem(), of: "machine" };
}

/** Errors in the newest part of the log that `./gallery up` writes; in containers the engine has the logs. */
export function checkLogs(stackDir: string): Check {
  return {
    part: "log",
    async run({ ok, warning }) {
      const text = await readEnd(join(stackDir, "api.log"));
      if (text === undefined) return;
      const since = new Date(Date.now() - recentMs).toISOString();
      const errors = text.split("\n").filter((line) => isRecentError(line, since));
      if (errors.length === 0) return ok("api.log has no error of the last hour");
      warning(
        `api.log has ${errors.length} errors of the last hour`,
        `Look for "level":"error" in ${join(stackDir, "api.log")}`,
      );
    },
  };
}

async function readEnd(path: string): Promise<string | undefined> {
  const file = await open(path).catch(() => undefined);
  if (!file) return undefined;
  try {
    const { size } = await file.stat();
    const start = Math.max(0, size - readLogBytes);
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(readLogBytes),
      0,
      readLogBytes,
      start,
    );
    return buffer.toString("utf8", 0, bytesRead);
  } finally {
    await file.close();
  }
}

function isRecentError(line: string, since: string): boolean {
  if (!/"level":"(error|fatal)"/.test(line)) return false;
  return (/"time":"([^"]+)"/.exec(line)?.[1] ?? "") >= since;
}
