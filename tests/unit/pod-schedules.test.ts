import { expect, test } from "bun:test";
import { describePodFault, podFaultKinds } from "#tests/schedules/pods/faults";
import { drawPodSchedule } from "#tests/schedules/pods/schedule";

const seeds = Array.from({ length: 200 }, (_, index) => index + 1);

test("a seed always gives the same schedule, in any order of drawing", () => {
  const upwards = seeds.map(drawPodSchedule);
  const downwards = seeds.toReversed().map(drawPodSchedule).toReversed();
  expect(downwards).toEqual(upwards);
  const plans = upwards.map(({ faults, budget }) => JSON.stringify({ faults, budget }));
  expect(new Set(plans).size).toBeGreaterThan(190);
});

test("a seed of an earlier report still gives the same schedule", () => {
  expect(drawPodSchedule(12).faults.map(describePodFault)).toEqual([
    "sold out (what first type)",
    "proxy page after image 4 (body empty, forMs 2360)",
    "delete refused (times 4)",
  ]);
});

test("200 schedules contain each kind of fault at least five times, and each has at least one fault", () => {
  const planned = seeds.flatMap((seed) => drawPodSchedule(seed).faults.map(({ kind }) => kind));
  for (const kind of podFaultKinds) {
    expect(planned.filter((each) => each === kind).length, kind).toBeGreaterThanOrEqual(5);
  }
  expect(Math.min(...seeds.map((seed) => drawPodSchedule(seed).faults.length))).toBe(1);
});

test("200 schedules contain each place, each budget and each end", () => {
  const schedules = seeds.map(drawPodSchedule);
  expect(new Set(schedules.map(({ place }) => place)).size).toBe(2);
  expect(new Set(schedules.map(({ budget }) => budget?.of)).size).toBe(3);
  expect(new Set(schedules.map(({ end }) => end)).size).toBe(3);
});
