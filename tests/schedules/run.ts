import { until } from "#tests/support/wait";
import { findBrokenPromises } from "./aftermath";
import type { Ground } from "./ground";
import { createHolds } from "./moments";
import { areOver, describeStandstill, healOften, listRestless } from "./quiet";
import { describeFault, drawSchedule, type FaultKind, type Schedule } from "./schedule";
import { armFault, type StepInSight, UnfairRun } from "./strikes";
import { createVisit } from "./visit";

/** What became of a schedule. */
export type Report = {
  schedule: Schedule;
  ms: number;
  /** The faults that had an effect, by kind, in the order of the plan. */
  struck: { kind: FaultKind; words: string }[];
  /** Those whose moment never came. */
  passedBy: string[];
  broken: string[];
  /** What the workers said, when something is broken. */
  log: string;
};

/** After the last fault; a machine with much to do gets there, a run that is stuck does not. */
const settleTimeoutMs = 240_000;

/** Runs the schedule of a seed on a ground where nothing is going on. @throws UnfairRun when it proves nothing */
export async function runSchedule(seed: number, ground: Ground): Promise<Report> {
  const schedule = drawSchedule(seed);
  const startedAt = performance.now();
  const report: Report = { schedule, ms: 0, struck: [], passedBy: [], broken: [], log: "" };
  const healing = ground.waits === "short" ? healOften(ground) : undefined;
  try {
    const stepIds = await carryOut(ground, schedule, report);
    report.broken.push(...(await findBrokenPromises(ground, stepIds)));
  } catch (error) {
    if (error instanceof UnfairRun) throw error;
    report.broken.push(`it did not end: ${error instanceof Error ? error.message : String(error)}`);
    report.log = await describeStandstill(ground).catch(String);
  } finally {
    await healing?.stop();
  }
  if (report.broken.length > 0) {
    report.log = [report.log, ...ground.worker.outputs()].join("\n--- next worker\n");
  }
  return { ...report, ms: performance.now() - startedAt };
}

/** The session with its faults, until nothing moves any more. @returns the ids of its steps */
async function carryOut(ground: Ground, schedule: Schedule, report: Report): Promise<string[]> {
  const visit = createVisit(ground.gallery);
  const sessionId = await visit.openSession();
  const uploadedId = await visit.uploadSource();
  const stepIds: string[] = [];

  async function takeSteps(positions: number[]): Promise<void> {
    const ids: string[] = [];
    const hold = createHolds(ground);
    const armed = await Promise.all(
      schedule.faults
        .filter((fault) => positions.includes(fault.step))
        .map(async (fault) => {
          let requestedAt: number | undefined;
          const sight: StepInSight = {
            id: () => stepIds[fault.step],
            requestedAt: () => {
              if (stepIds[fault.step] !== undefined) requestedAt ??= performance.now();
              return requestedAt;
            },
            isOver: async () => ids.length === positions.length && (await areOver(ground, ids)),
          };
          return { fault, ...(await armFault(ground, { visit, hold }, fault, sight)) };
        }),
    );
    const strikes = Promise.all(
      armed.map(async ({ fault, strike }) => {
        if (await strike()) report.struck.push({ kind: fault.kind, words: describeFault(fault) });
        else report.passedBy.push(describeFault(fault));
      }),
    );
    // Awaited below; a fault that fails before must not end the process.
    strikes.catch(() => {});
    for (const position of positions) {
      const planned = schedule.steps[position]!;
      const sourceId = await sourceOf(planned.source);
      const id = await visit.requestStep(sessionId, planned, sourceId);
      stepIds.push(id);
      ids.push(id);
    }
    await strikes;
    await Promise.all([ground.postgres.over(), ground.temporal.over()]);
    await ground.stack.invokeai.control.clearFaults();
    await until("the end of the steps", () => areOver(ground, ids), settleTimeoutMs);
  }

  async function sourceOf(source: "none" | "upload" | "previous"): Promise<string | undefined> {
    if (source === "none") return undefined;
    if (source === "upload") return uploadedId;
    const [photo] = await ground.stack.database.sql`
      select id from photos where step_id = ${stepIds.at(-1)!} order by slot_index limit 1`;
    // A step that was cancelled early has no image to go on from.
    return photo?.id ?? uploadedId;
  }

  const positions = schedule.steps.map((_, position) => position);
  if (schedule.pace === "all at once") await takeSteps(positions);
  else for (const position of positions) await takeSteps([position]);
  await visit.completeSession(sessionId);
  let restless: string[] = [];
  await until(
    "the end of all runs",
    async () => {
      restless = await listRestless(ground).catch((error) => [String(error)]);
      return restless.length === 0;
    },
    settleTimeoutMs,
    () => restless.join("\n"),
    // A look costs Temporal and the worker more than what they are waited for.
    500,
  );
  return stepIds;
}
