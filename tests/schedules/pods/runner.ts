import type { ScheduleRunner } from "../runner";
import { podFaultKinds } from "./faults";
import { runPodSchedule } from "./run";
import { type PodTestBed, startPodTestBed } from "./test-bed";

/** Steps on rented pods. */
export const podSchedules: ScheduleRunner<PodTestBed> = {
  faultKinds: podFaultKinds,
  schedulesPerTestBed: 8,
  startTestBed: startPodTestBed,
  runSchedule: runPodSchedule,
};

export const podPromise =
  "whatever dies, no pod runs on, each billed second and dollar is in a row, no budget is passed, and each image is made once";
