import { afterAll, beforeAll, expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dir, "../..");

/** One violation for each rule of the import table. */
const forbidden: [string, string][] = [
  ["each-of.ts", 'import "./errors"'],
  ["errors.ts", 'import "#db/client"'],
  ["config.ts", 'import "./errors"'],
  ["generation-parameters.ts", 'import "./errors"'],
  ["gpu-types.ts", 'import "./errors"'],
  ["lines.ts", 'import "./errors"'],
  ["model-sources.ts", 'import "./errors"'],
  ["sha256.ts", 'import "./errors"'],
  ["storable-text.ts", 'import "./errors"'],
  ["db/a.ts", 'import "#media/storage/keys"'],
  ["db/b.ts", 'import "#api/app"'],
  ["db/c.ts", 'import { loadConfig } from "#config"; loadConfig({})'],
  ["db/d.ts", 'import "../media/keys"'],
  ["media/a.ts", 'import "#db/client"'],
  ["media/b.ts", 'import "drizzle-orm"'],
  [
    "workflows/x/workflow.ts",
    'import { createActivities } from "#activities/index"; createActivities()',
  ],
  ["workflows/y/workflow.ts", 'import "node:fs"'],
  ["workflows/z/policy.ts", 'import "#db/client"'],
  ["workflows/x/contract.ts", 'import "./workflow"'],
  ["workflows/u/workflow.ts", "export const now = () => Temporal.Now.instant()"],
  ["workflows/v/workflow.ts", "export const env = () => process.env"],
  ["activities/a.ts", 'import "#api/app"'],
  ["activities/b.ts", 'import "#workflows/generation-step/workflow"'],
  ["activities/c.ts", 'import "sharp"'],
  ["activities/adapters/a.ts", 'import "#db/client"'],
  ["activities/adapters/b.ts", 'import "../failures"'],
  ["activities/adapters/invokeai/a.ts", 'import "../../failures"'],
  ["activities/adapters/pods/runpod/a.ts", 'import "../../invokeai/client"'],
  ["activities/adapters/pods/runpod/b.ts", 'import "../other/client"'],
  ["activities/adapters/pods/runpod/c.ts", 'import "../../../failures"'],
  ["api/a.ts", 'import "#activities/index"'],
  [
    "api/b.ts",
    'import { generationStep } from "#workflows/generation-step/workflow"; generationStep()',
  ],
  ["api/c.ts", 'import "sharp"'],
  ["api/modules/photos/a.ts", 'import "../../../db/client"'],
  ["recipes/a.ts", 'import "#db/client"'],
  ["recipes/d.ts", 'import "#generation-references"'],
  ["recipes/b.ts", 'import "elysia"'],
  ["recipes/c.ts", 'import "../db/client"'],
  ["library/a.ts", 'import "#activities/index"'],
  ["library/b.ts", 'import "#api/app"'],
  ["library/c.ts", 'import "drizzle-orm"'],
  ["library/d.ts", 'import "../db/client"'],
  ["db/e.ts", 'import "#library/keep"'],
  ["media/c.ts", 'import "#library/keep"'],
  ["workflows/w/workflow.ts", 'import "#library/keep"'],
  ["activities/adapters/c.ts", 'import "#library/keep"'],
  ["activities/d.ts", 'import "#stack/up"'],
  ["api/e.ts", 'import "#simulators/invokeai/main"'],
  ["stack/a.ts", 'import "#dev/check"'],
  ["stack/b.ts", 'import "#bench/run"'],
  ["stack/c.ts", 'import "#activities/adapters/pods/provider"'],
  ["stack/library/a.ts", 'import "#library/open"'],
  ["stack/library/b.ts", 'import { run } from "#library/commands/command"; run()'],
  ["stack/library/c.ts", 'import "#library/commands/backup"'],
  ["stack/library/d.ts", 'import "#db/client"'],
  ["stack/pods/a.ts", 'import "#activities/pods/tend"'],
  ["stack/pods/b.ts", 'import "#db/client"'],
  ["stack/doctor/a.ts", 'import "#api/app"'],
  ["stack/doctor/b.ts", 'import "#activities/worker/run-worker"'],
  ["stack/doctor/c.ts", 'import "#library/keep"'],
  ["stack/doctor/d.ts", 'import "#workflows/generation-step/workflow"'],
  ["tracing/a.ts", 'import "#config"'],
  ["simulators/a.ts", 'import "#tests/support/database"'],
  ["dev/a.ts", 'import "#tests/support/database"'],
  ["dev/b.ts", 'import "#bench/run"'],
  ["bench/a.ts", 'import "#dev/check"'],
  ["api/d.ts", "export const url = process.env.DATABASE_URL"],
  [
    "tests/a.test.ts",
    'import { expect } from "bun:test"; expect(Promise.resolve(1)).resolves.toBe(1)',
  ],
];

const allowed: [string, string][] = [
  ["db/ok.ts", 'import "#errors"; import type { Config } from "#config"; export type A = Config'],
  ["db/migrate.ts", 'import { loadConfig } from "#config"; loadConfig(process.env)'],
  [
    "api/ok.ts",
    'import type { generationStep } from "#workflows/generation-step/workflow"; export type A = typeof generationStep',
  ],
  [
    "workflows/ok/workflow.ts",
    'import type { Activities } from "#activities/index"; export type A = Activities',
  ],
  [
    "activities/ok.ts",
    'import "#db/client"; import "#workflows/generation-step/contract"; import "./adapters/http"',
  ],
  [
    "activities/adapters/invokeai/ok.ts",
    'import "../http"; import "#errors"; import "#generation-parameters"',
  ],
  ["activities/adapters/pods/runpod/ok.ts", 'import "../../http"; import "../provider"'],
  ["library/ok.ts", 'import "#db/client"; import "#media/storage/keys"; import "#errors"'],
  [
    "stack/library/ok.ts",
    'import type { Command } from "#library/commands/command"; export type A = Command',
  ],
  [
    "recipes/ok.ts",
    'import "#errors"; import "#generation-parameters"; import "#storable-text"; import "./other"',
  ],
  ["api/also-ok.ts", 'import "#library/keep"'],
  ["stack/ok.ts", 'import "#errors"; import "#config"'],
  [
    "stack/pods/ok.ts",
    'import "#activities/adapters/pods/runpod/client"; import "#activities/pods/names"; import "#media/storage/disk"; import "../refusal"',
  ],
  ["dev/ok.ts", 'import "#api/app"; import "#stack/up"'],
];

let folder = "";
type Fault = { filename: string; code: string };
let faultsOf: Map<string, Fault[]>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "import-table-"));
  await cp(join(root, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
  for (const [path, source] of [...forbidden, ...allowed]) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), `${source};\n`);
  }
  const lint = Bun.spawn(
    [process.execPath, "run", "--bun", join(root, "node_modules/.bin/oxlint"), "--format=json"],
    { cwd: folder, stdout: "pipe", stderr: "inherit" },
  );
  const report = JSON.parse(await new Response(lint.stdout).text()) as {
    diagnostics: Fault[];
  };
  faultsOf = Map.groupBy(report.diagnostics, (each) => each.filename);
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

test.each(forbidden)("%s may not hold: %s", (path) => {
  const codes = (faultsOf.get(path) ?? []).map((each) => each.code);
  expect(codes.join()).toMatch(/no-restricted-(imports|globals|properties)|no-process-env/);
});

test.each(allowed)("%s may hold: %s", (path) => {
  expect(faultsOf.get(path) ?? []).toEqual([]);
});
