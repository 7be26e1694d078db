import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect, test } from "bun:test";
import type { FileResult } from "#dev/test-lanes";

/**
 * A project with a test that fails the first time, one that always fails, one that passes, and a file that cannot be
 * loaded: all of a folder, so that they share a process.
 */
async function makeProject(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "gallery-lanes-"));
  await mkdir(join(root, "tests/unit"), { recursive: true });
  await writeFile(join(root, "tests/seconds.json"), "{}");
  const sources = {
    flaky: `import { existsSync, writeFileSync } from "node:fs";
      test("a", () => { const seen = existsSync("seen"); writeFileSync("seen", ""); expect(seen).toBe(true); });`,
    broken: `test("b", () => expect(1).toBe(2));`,
    sound: `test("c", () => {}); test("d", () => {});`,
    unloadable: `import "./missing"; test("e", () => {});`,
  };
  const imports = `import { expect, test } from "bun:test";`;
  for (const [name, source] of Object.entries(sources)) {
    await writeFile(join(root, pathOf(name)), `${imports}\n${source}`);
  }
  return root;
}

const pathOf = (name: string) => `tests/unit/${name}.test.ts`;

async function runLanes(flags: string[], names: string[]) {
  const root = await makeProject();
  const lanes = join(import.meta.dir, "../../dev/test-lanes.ts");
  const files = names.map(pathOf);
  const child = Bun.spawn([process.execPath, lanes, root, ...flags, ...files], {
    cwd: root,
    stdout: "ignore",
    stderr: "ignore",
  });
  const code = await child.exited;
  const results = (await Bun.file(join(root, "results.json")).json()) as FileResult[];
  const verdicts = results.map(({ file, passed, failed, isUnstable, failures }) => [
    basename(file, ".test.ts"),
    { passed, failed, isUnstable, isTold: /expect\(|Cannot find module/.test(failures) },
  ]);
  await rm(root, { recursive: true });
  return { code, verdicts: Object.fromEntries(verdicts) };
}

const failed = { passed: 0, failed: 1, isUnstable: false, isTold: true };
const passed = { passed: 2, failed: 0, isUnstable: false, isTold: false };

test("a failed file fails the run, and not those that share its process", async () => {
  const { code, verdicts } = await runLanes([], ["flaky", "broken", "sound"]);
  expect(code).toBe(1);
  expect(verdicts).toEqual({ flaky: failed, broken: failed, sound: passed });
});

test("a file that cannot be loaded fails the run, and not those that share its process", async () => {
  const { code, verdicts } = await runLanes([], ["unloadable", "sound"]);
  expect(code).toBe(1);
  expect(verdicts).toEqual({ unloadable: failed, sound: passed });
});

test("with --retry-failed a file that passes alone is reported as unstable; one that fails again fails the run", async () => {
  const { code, verdicts } = await runLanes(["--retry-failed"], ["flaky", "broken", "sound"]);
  expect(code).toBe(1);
  expect(verdicts).toEqual({
    flaky: { passed: 1, failed: 0, isUnstable: true, isTold: true },
    broken: failed,
    sound: passed,
  });
});
