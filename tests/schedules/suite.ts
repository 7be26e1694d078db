import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { runLanes } from "./lanes";
import type { Report, ScheduleRunner } from "./runner";
import { describeReport } from "./summary";
import type { TestBedOptions } from "./test-bed";

const timeoutMs = 900_000;

/** A test for each seed; `lanes` of them run at once. */
export function testSchedules<Bed extends { stop(): Promise<void> }>(
  { promise, title }: { promise: string; title: string },
  runner: ScheduleRunner<Bed>,
  seeds: readonly number[],
  { lanes, ...options }: TestBedOptions & { lanes: number },
): void {
  describe(promise, () => {
    const reports = new Map(seeds.map((seed) => [seed, Promise.withResolvers<Report>()]));
    let running: Promise<unknown>;

    beforeAll(() => {
      const tell = (report: Report) => reports.get(report.seed)?.resolve(report);
      running = runLanes(runner, seeds, lanes, tell, options).catch((error: unknown) => {
        for (const report of reports.values()) report.reject(error);
      });
    });

    test.each(seeds)(
      title,
      async (seed) => {
        const report = await reports.get(seed)!.promise;
        console.log(describeReport(report));
        expect(report.broken, report.log).toEqual([]);
      },
      timeoutMs,
    );

    afterAll(() => running, timeoutMs);
  });
}
