import { until } from "#tests/support/wait";
import { findBrokenPromises } from "./promises";
import type { TestBed } from "./test-bed";
import { createHolds } from "./moments";
import { haveEnded, describeState, listOpenWork } from "./quiescence";
import type { Report } from "./runner";
import { denoisingSteps, describeFault, drawSchedule, type Schedule } from "./schedule";
import { armFault, type ObservedStep, InconclusiveRun } from "./strikes";
import { createUserSession } from "./user-session";

/** After the last fault. Long enough for a busy machine; only a stuck run exceeds it. */
const settleTimeoutMs = 240_000;

/**
 * Runs the schedule of a seed on an idle test bed.
 * @throws InconclusiveRun when it is inconclusive
 */
export async function runSchedule(seed: number, testBed: TestBed): Promise<Report> {
  const schedule = drawSchedule(seed);
  const startedAt = performance.now();
  const report: Report = {
    seed,
    outline: `steps ${schedule.pace}`,
    planned: schedule.faults.map(({ kind }) => kind),
    ms: 0,
    struck: [],
    notReached: [],
    broken: [],
    log: "",
  };
  try {
    const stepIds = await runSession(testBed, schedule, report);
    report.broken.push(...(await findBrokenPromises(testBed, stepIds)));
  } catch (error) {
    if (error instanceof InconclusiveRun) throw error;
    report.broken.push(`it did not end: ${error instanceof Error ? error.message : String(error)}`);
    report.log = await describeState(testBed).catch(String);
  }
  if (report.broken.length > 0) {
    report.log = [report.log, ...testBed.worker.outputs()].join("\n--- next worker\n");
  }
  return { ...report, ms: performance.now() - startedAt };
}

/**
 * Runs the session with its faults, until no work is open.
 * @returns the ids of its steps
 */
async function runSession(testBed: TestBed, schedule: Schedule, report: Report): Promise<string[]> {
  const user = createUserSession(testBed.gallery);
  const sessionId = await user.openSession();
  const uploadedId = await user.uploadSource();
  const stepIds: string[] = [];

  async function runSteps(positions: number[]): Promise<void> {
    const ids: string[] = [];
    const hold = createHolds(testBed);
    const armed = await Promise.all(
      schedule.faults
        .filter((fault) => positions.includes(fault.step))
        .map(async (fault) => {
          let requestedAt: number | undefined;
          const observed: ObservedStep = {
            id: () => stepIds[fault.step],
            requestedAt: () => {
              if (stepIds[fault.step] !== undefined) requestedAt ??= performance.now();
              return requestedAt;
            },
            isOver: async () => ids.length === positions.length && (await haveEnded(testBed, ids)),
          };
          return { fault, ...(await armFault(testBed, { user, hold }, fault, observed)) };
        }),
    );
    const strikes = Promise.all(
      armed.map(async ({ fault, strike }) => {
        if (await strike()) report.struck.push({ kind: fault.kind, words: describeFault(fault) });
        else report.notReached.push(describeFault(fault));
      }),
    );
    // Awaited below; an earlier failure must not end the process.
    strikes.catch(() => {});
    for (const position of positions) {
      const planned = schedule.steps[position]!;
      const sourceId = await sourceOf(planned.source);
      const id = await user.requestStep(sessionId, { ...planned, denoisingSteps }, sourceId);
      stepIds.push(id);
      ids.push(id);
    }
    await strikes;
    await Promise.all([testBed.postgres.over(), testBed.temporal.over()]);
    await testBed.stack.invokeai.control.clearFaults();
    await until("the end of the steps", () => haveEnded(testBed, ids), settleTimeoutMs);
  }

  async function sourceOf(source: "none" | "upload" | "previous"): Promise<string | undefined> {
    if (source === "none") return undefined;
    if (source === "upload") return uploadedId;
    const [photo] = await testBed.stack.database.sql`
      select id from photos where step_id = ${stepIds.at(-1)!} order by slot_index limit 1`;
    // A step that was cancelled early has no image to continue from.
    return photo?.id ?? uploadedId;
  }

  const positions = schedule.steps.map((_, position) => position);
  if (schedule.pace === "all at once") await runSteps(positions);
  else for (const position of positions) await runSteps([position]);
  await user.completeSession(sessionId);
  let openWork: string[] = [];
  await until(
    "the end of all runs",
    async () => {
      openWork = await listOpenWork(testBed).catch((error) => [String(error)]);
      return openWork.length === 0;
    },
    settleTimeoutMs,
    () => openWork.join("\n"),
    // A check costs Temporal and the worker more than the work that is waited for.
    500,
  );
  return stepIds;
}
