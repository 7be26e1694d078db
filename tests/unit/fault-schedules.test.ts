import { expect, test } from "bun:test";
import { applyDefect, defectNames } from "#tests/schedules/planted";
import { describeFault, drawSchedule, faultKinds } from "#tests/schedules/schedule";

const seeds = Array.from({ length: 300 }, (_, index) => index + 1);

test("a seed means the same schedule whenever and after whatever it is drawn", () => {
  const upwards = seeds.map(drawSchedule);
  const downwards = seeds.toReversed().map(drawSchedule).toReversed();
  expect(downwards).toEqual(upwards);
  expect(new Set(upwards.map((each) => JSON.stringify({ ...each, seed: 0 }))).size).toBe(300);
});

test("a seed of an old report is still the same schedule", () => {
  expect(drawSchedule(16).faults.map(describeFault)).toEqual([
    "worker killed in step 1 with the batch taken and no answer yet (awayMs 869)",
    "enqueue late in step 3 (afterMs 3916)",
    "InvokeAI restarted in step 3 with half an image fetched (refuses 2)",
  ]);
});

test("300 schedules plan each kind of fault some sixty times, and none without a fault", () => {
  const planned = seeds.flatMap((seed) => drawSchedule(seed).faults.map(({ kind }) => kind));
  for (const kind of faultKinds) {
    expect(planned.filter((each) => each === kind).length, kind).toBeGreaterThan(50);
  }
  expect(Math.min(...seeds.map((seed) => drawSchedule(seed).faults.length))).toBe(1);
});

test.each(defectNames)(
  "the planted defect %s still finds the text that it changes",
  async (name) => {
    const changed = await applyDefect(name);
    expect(changed.size).toBeGreaterThan(0);
  },
);
