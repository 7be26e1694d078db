import { startTemporalServer } from "#tests/support/temporal-server";
import type { Report, ScheduleRunner } from "./runner";
import type { TestBedOptions } from "./test-bed";
import { InconclusiveRun } from "./strikes";

const triesPerSeed = 3;

/**
 * Runs the schedules of these seeds, `lanes` at a time; each lane has a Temporal server that its schedules may kill.
 * Calls `tell` with each report; after it has returned false, no further schedule starts.
 */
export async function runLanes<Bed extends { stop(): Promise<void> }>(
  { schedulesPerTestBed, startTestBed, runSchedule }: ScheduleRunner<Bed>,
  seeds: readonly number[],
  lanes: number,
  tell: (report: Report) => unknown,
  options: TestBedOptions = {},
): Promise<void> {
  const waiting = [...seeds];
  let goesOn = true;

  async function runLane(): Promise<void> {
    const server = await startTemporalServer();
    let testBed: Bed | undefined;
    let uses = 0;
    const leave = async () => {
      await testBed?.stop();
      testBed = undefined;
      uses = 0;
    };
    async function runOn(seed: number): Promise<Report> {
      for (let tries = 1; ; tries++) {
        try {
          if (uses === schedulesPerTestBed) await leave();
          testBed ??= await startTestBed(server, options);
          uses += 1;
          const report = await runSchedule(seed, testBed);
          // Violations would be found again by the next schedule.
          if (report.broken.length > 0) await leave();
          return report;
        } catch (error) {
          if (!(error instanceof InconclusiveRun) || tries === triesPerSeed) throw error;
          await leave();
        }
      }
    }
    try {
      for (let seed; goesOn && (seed = waiting.shift()) !== undefined;) {
        if (tell(await runOn(seed)) === false) goesOn = false;
      }
    } finally {
      await leave();
      await server.stop();
    }
  }

  await Promise.all(Array.from({ length: Math.min(lanes, seeds.length) }, runLane));
}
