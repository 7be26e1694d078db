import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { runLanes } from "#tests/schedules/lanes";
import type { Report } from "#tests/schedules/run";
import { describeReport } from "#tests/schedules/summary";

/** Between them each kind of fault; `./gallery test --schedules 300` runs as many as are asked for. */
const seeds = [11, 12, 13, 14, 15, 16, 17, 18, 19, 20];
const lanes = 2;
/** A worker that is killed while it draws: the next one waits for a heartbeat of 20 s that does not come. */
const shippedSeed = 10;
const timeoutMs = 900_000;

describe("whatever dies, each slot is filled once, nothing is drawn twice, files and rows are equal, no run and no turn is left", () => {
  const reports = new Map(
    [...seeds, shippedSeed].map((seed) => [seed, Promise.withResolvers<Report>()]),
  );
  let running: Promise<unknown>;

  beforeAll(() => {
    const tell = (report: Report) => reports.get(report.schedule.seed)?.resolve(report);
    const runs = [
      runLanes(seeds, lanes, tell),
      runLanes([shippedSeed], 1, tell, { waits: "shipped" }),
    ];
    running = Promise.all(runs).catch((error: unknown) => {
      for (const report of reports.values()) report.reject(error);
    });
  });

  async function expectKept(seed: number): Promise<void> {
    const report = await reports.get(seed)!.promise;
    console.log(describeReport(report));
    expect(report.broken, report.log).toEqual([]);
  }

  test.each(seeds)("a session under the faults of seed %d", expectKept, timeoutMs);

  test(
    "a killed worker, with every wait as it is shipped",
    () => expectKept(shippedSeed),
    timeoutMs,
  );

  afterAll(() => running, timeoutMs);
});
