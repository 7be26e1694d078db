import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "bun:test";
import type { FileResult } from "#dev/test-lanes";

/** A project with one test that fails the first time, and one that always fails. */
async function makeProject(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "gallery-lanes-"));
  await mkdir(join(root, "tests"));
  await writeFile(join(root, "tests/seconds.json"), "{}");
  const flaky = `import { existsSync, writeFileSync } from "node:fs";
    import { expect, test } from "bun:test";
    test("a", () => { const seen = existsSync("seen"); writeFileSync("seen", ""); expect(seen).toBe(true); });`;
  await writeFile(join(root, "tests/flaky.test.ts"), flaky);
  const broken = `import { expect, test } from "bun:test"; test("b", () => expect(1).toBe(2));`;
  await writeFile(join(root, "tests/broken.test.ts"), broken);
  return root;
}

async function runLanes(flags: string[]) {
  const root = await makeProject();
  const lanes = join(import.meta.dir, "../../dev/test-lanes.ts");
  const files = ["tests/flaky.test.ts", "tests/broken.test.ts"];
  const child = Bun.spawn([process.execPath, lanes, root, ...flags, ...files], {
    cwd: root,
    stdout: "ignore",
    stderr: "ignore",
  });
  const code = await child.exited;
  const results = (await Bun.file(join(root, "results.json")).json()) as FileResult[];
  const verdicts = results.map(({ file, failed, isUnstable, failures }) => [
    file,
    { failed, isUnstable, isTold: failures.includes("expect(") },
  ]);
  await rm(root, { recursive: true });
  return { code, verdicts: Object.fromEntries(verdicts) };
}

const failed = { failed: 1, isUnstable: false, isTold: true };

test("a failed file fails the run", async () => {
  const { code, verdicts } = await runLanes([]);
  expect(code).toBe(1);
  expect(verdicts).toEqual({ "tests/flaky.test.ts": failed, "tests/broken.test.ts": failed });
});

test("with --retry-failed a file that passes alone is reported as unstable; one that fails again fails the run", async () => {
  const { code, verdicts } = await runLanes(["--retry-failed"]);
  expect(code).toBe(1);
  expect(verdicts).toEqual({
    "tests/flaky.test.ts": { failed: 0, isUnstable: true, isTold: true },
    "tests/broken.test.ts": failed,
  });
});
