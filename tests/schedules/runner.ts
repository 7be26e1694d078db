import type { TemporalServer, TestBedOptions } from "./test-bed";

/** The result of a schedule. */
export type Report = {
  seed: number;
  /** The schedule in a few words, without its faults. */
  outline: string;
  /** The kinds of the planned faults. */
  planned: string[];
  ms: number;
  /** The faults that had an effect, by kind, in the order of the plan. */
  struck: { kind: string; words: string }[];
  /** The faults whose moment was not reached. */
  notReached: string[];
  broken: string[];
  /** The workers' output, when a promise is broken. */
  log: string;
};

/** A kind of schedules: what they run on, and how. */
export type ScheduleRunner<Bed extends { stop(): Promise<void> }> = {
  /** In the order of the summary. */
  faultKinds: readonly string[];
  /** Starting a test bed takes as long as a schedule; but after some, the simulators' histories are long. */
  schedulesPerTestBed: number;
  startTestBed: (server: TemporalServer, options: TestBedOptions) => Promise<Bed>;
  /** @throws InconclusiveRun when the run is inconclusive */
  runSchedule: (seed: number, testBed: Bed) => Promise<Report>;
};
