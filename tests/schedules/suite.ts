import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { TestBedOptions } from "./test-bed";
import { runLanes } from "./lanes";
import type { Report } from "./run";
import { describeReport } from "./summary";

const timeoutMs = 900_000;

/** A test for each seed; `lanes` of them run at once. */
export function testSchedules(
  title: string,
  seeds: readonly number[],
  { lanes, ...options }: TestBedOptions & { lanes: number },
): void {
  describe("whatever dies, each slot is filled once, nothing is drawn twice, files and rows are equal, no run and no turn is left", () => {
    const reports = new Map(seeds.map((seed) => [seed, Promise.withResolvers<Report>()]));
    let running: Promise<unknown>;

    beforeAll(() => {
      const tell = (report: Report) => reports.get(report.schedule.seed)?.resolve(report);
      running = runLanes(seeds, lanes, tell, options).catch((error: unknown) => {
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
