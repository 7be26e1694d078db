import type { ScheduleRunner } from "./runner";
import { runSchedule } from "./run";
import { drawMixedSchedule, drawSchedule, faultKinds } from "./schedule";
import { startTestBed, type TestBed } from "./test-bed";

/** Sessions with an InvokeAI that is always there. */
export const sessionSchedules: ScheduleRunner<TestBed> = {
  faultKinds,
  schedulesPerTestBed: 10,
  startTestBed,
  runSchedule: (seed, testBed) => runSchedule(drawSchedule(seed), testBed),
};

/** The same with steps that have masks, references, recipes of two outputs, and with grids. */
export const mixedSchedules: ScheduleRunner<TestBed> = {
  ...sessionSchedules,
  runSchedule: (seed, testBed) => runSchedule(drawMixedSchedule(seed), testBed),
};

export const sessionPromise =
  "whatever dies, each slot is filled once, nothing is drawn twice, files and rows are equal, no run and no turn is left";
