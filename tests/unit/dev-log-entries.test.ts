import { afterAll, expect, test } from "bun:test";
import { openSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeAsEntries } from "#stack/log-entries";

const folder = await mkdtemp(join(tmpdir(), "gallery-entries-"));
afterAll(() => rm(folder, { recursive: true }));

/** Runs a program that logs to both streams; returns the lines of the log. */
async function logOf(name: string, program: string): Promise<string[]> {
  const path = join(folder, `${name}.log`);
  const fd = openSync(path, "a");
  const child = Bun.spawn([process.execPath, "-e", program], {
    stdin: "ignore",
    stdout: fd,
    stderr: "pipe",
  });
  await Promise.all([writeAsEntries(child.stderr, fd), child.exited]);
  return readFileSync(path, "utf8").split("\n").filter(Boolean);
}

test.each([
  ["a warning of the runtime", `process.emitWarning("careful")`, "careful"],
  ["an uncaught error", `throw new Error("out of luck")`, "out of luck"],
  ["a rejection", `Promise.reject(new Error("out of hope"))`, "out of hope"],
  ["a message of a library", `console.warn("hooks are not available")`, "hooks are not available"],
  [
    "a message of a library's own thread",
    `const { Worker } = require("node:worker_threads");
     new Worker("console.warn('from a thread')", { eval: true });`,
    "from a thread",
  ],
  ["text without a line break", `process.stderr.write("cut off")`, "cut off"],
])("%s is an entry of the log", async (name, program, words) => {
  const lines = await logOf(name, program);
  const entries = lines.map((line) => JSON.parse(line) as { msg: string; level: string });
  expect(entries.map(({ msg }) => msg).join("\n")).toContain(words);
  for (const entry of entries) expect(entry.level).toBe("warn");
});

test("a line that is a JSON entry is not changed", async () => {
  const entry = `{"level":"info","msg":"ready"}`;
  const lines = await logOf(
    "entries",
    `console.log('${entry}'); console.error('${entry}\\nand more')`,
  );
  expect(lines.filter((line) => line === entry)).toHaveLength(2);
  expect(lines).toHaveLength(3);
});
