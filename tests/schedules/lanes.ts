import { startTemporalServer } from "#tests/support/temporal-server";
import { type Ground, type GroundOptions, startGround } from "./ground";
import { type Report, runSchedule } from "./run";
import { UnfairRun } from "./strikes";

const triesPerSeed = 3;
/** To start api and worker costs as much as a schedule; after so many the journals of the simulator grow long. */
const schedulesPerGround = 10;

/**
 * Runs the schedules of these seeds, `lanes` of them at a time; each lane has a Temporal server that its schedules may kill.
 * `tell` hears of each as it ends; nothing new is begun once it has answered false.
 */
export async function runLanes(
  seeds: readonly number[],
  lanes: number,
  tell: (report: Report) => unknown,
  options: GroundOptions = {},
): Promise<void> {
  const waiting = [...seeds];
  let goesOn = true;

  async function runLane(): Promise<void> {
    const server = await startTemporalServer();
    let ground: Ground | undefined;
    let uses = 0;
    const leave = async () => {
      await ground?.stop();
      ground = undefined;
      uses = 0;
    };
    async function runOn(seed: number): Promise<Report> {
      for (let tries = 1; ; tries++) {
        try {
          if (uses === schedulesPerGround) await leave();
          ground ??= await startGround(server, options);
          uses += 1;
          const report = await runSchedule(seed, ground);
          // What is broken there would be found again by the next.
          if (report.broken.length > 0) await leave();
          return report;
        } catch (error) {
          if (!(error instanceof UnfairRun) || tries === triesPerSeed) throw error;
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
