import { afterAll, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyDefect, copyWithDefect, defectNames } from "#tests/schedules/planted-defects";
import { usualSeeds } from "#tests/schedules/seeds";
import {
  describeFault,
  drawMixedSchedule,
  drawSchedule,
  faultKinds,
  stepKinds,
} from "#tests/schedules/schedule";
import { ownImports } from "#tests/support/own-imports";

const temporary = await mkdtemp(join(tmpdir(), "gallery-defects-"));
afterAll(() => rm(temporary, { recursive: true }));
const seeds = Array.from({ length: 300 }, (_, index) => index + 1);

test("a seed always gives the same schedule, in any order of drawing", () => {
  const upwards = seeds.map(drawSchedule);
  const downwards = seeds.toReversed().map(drawSchedule).toReversed();
  expect(downwards).toEqual(upwards);
  expect(new Set(upwards.map((each) => JSON.stringify({ ...each, seed: 0 }))).size).toBe(300);
});

test("a seed of an earlier report still gives the same schedule", () => {
  expect(drawSchedule(16).faults.map(describeFault)).toEqual([
    "worker killed in step 1 with the batch accepted and no answer yet (awayMs 869)",
    "enqueue late in step 3 (afterMs 3916)",
    "InvokeAI restarted in step 3 with half an image fetched (refuses 2)",
  ]);
});

test("300 schedules contain each kind of fault more than 50 times, and each has at least one fault", () => {
  const planned = seeds.flatMap((seed) => drawSchedule(seed).faults.map(({ kind }) => kind));
  for (const kind of faultKinds) {
    expect(planned.filter((each) => each === kind).length, kind).toBeGreaterThan(50);
  }
  expect(Math.min(...seeds.map((seed) => drawSchedule(seed).faults.length))).toBe(1);
});

test("mixed schedules have the faults of the same seed, and steps of each kind", () => {
  const mixed = seeds.map(drawMixedSchedule);
  expect(mixed.map(({ faults }) => faults)).toEqual(seeds.map((seed) => drawSchedule(seed).faults));
  const drawn = mixed.flatMap(({ steps }) => steps.map(({ kind }) => kind));
  expect([...new Set(drawn), "plain"].toSorted()).toEqual([...stepKinds].toSorted());
});

test("the usual seeds together contain each kind of fault", () => {
  const planned = usualSeeds.flatMap((seed) => drawSchedule(seed).faults.map(({ kind }) => kind));
  expect([...new Set(planned)].toSorted()).toEqual([...faultKinds].toSorted());
});

test.each(defectNames)(
  "the planted defect %s changes a program, which still compiles",
  async (name) => {
    const changed = await applyDefect(name);
    expect(changed.size).toBeGreaterThan(0);
    const compile = (text: string) => new Bun.Transpiler({ loader: "ts" }).transformSync(text);
    for (const [file, text] of changed) {
      if (!file.endsWith(".ts")) continue;
      const original = await readFile(join(import.meta.dir, "../..", file), "utf8");
      expect(compile(text)).not.toBe(compile(original));
    }
  },
);

test("the copy of worker and API with a planted defect holds every source that they import", async () => {
  const folder = await copyWithDefect(defectNames[0]!, join(temporary, "copy"));
  const programs = ["worker", "api"].map((name) => `tests/support/processes/${name}.ts`);
  const files = await ownImports(folder, programs);
  expect(files.length).toBeGreaterThan(100);
  expect(files.filter((file) => file.startsWith(".."))).toEqual([]);
});
