import { until } from "#tests/support/wait";
import { findBrokenPromises } from "./promises";
import type { TestBed } from "./test-bed";
import { createHolds } from "./moments";
import { haveEnded, describeState, openWorkEnds } from "./quiescence";
import type { Report } from "./runner";
import { denoisingSteps, describeFault, type Schedule } from "./schedule";
import { armFault, type ObservedStep, InconclusiveRun } from "./strikes";
import { createUserSession } from "./user-session";

/** After the last fault. Long enough for a busy machine; only a stuck run exceeds it. */
const settleTimeoutMs = 240_000;

/**
 * Runs a schedule on an idle test bed.
 * @throws InconclusiveRun when it is inconclusive
 */
export async function runSchedule(schedule: Schedule, testBed: TestBed): Promise<Report> {
  const { seed } = schedule;
  const startedAt = performance.now();
  const report: Report = {
    seed,
    outline: `steps ${schedule.pace}: ${schedule.steps.map(({ kind }) => kind).join(", ")}`,
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
  const sessionIds = new Set([sessionId]);
  /** By position; a grid has several. */
  const stepIds: string[][] = [];

  async function runSteps(positions: number[]): Promise<void> {
    const ids: string[] = [];
    let areRequested = false;
    const hold = createHolds(testBed);
    const armed = await Promise.all(
      schedule.faults
        .filter((fault) => positions.includes(fault.step))
        .map(async (fault) => {
          let requestedAt: number | undefined;
          const observed: ObservedStep = {
            id: () => stepIds[fault.step]?.[0],
            requestedAt: () => {
              if (stepIds[fault.step] !== undefined) requestedAt ??= performance.now();
              return requestedAt;
            },
            isOver: async () => areRequested && (await haveEnded(testBed, ids)),
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
      const step = { ...planned, denoisingSteps };
      const requested = await user.requestStep(sessionId, step, sourceId);
      sessionIds.add(requested.sessionId);
      stepIds.push(requested.stepIds);
      ids.push(...requested.stepIds);
    }
    areRequested = true;
    await strikes;
    await Promise.all([testBed.postgres.over(), testBed.temporal.over()]);
    await testBed.stack.invokeai.control.clearFaults();
    await until("the end of the steps", () => haveEnded(testBed, ids), settleTimeoutMs);
  }

  async function sourceOf(source: "none" | "upload" | "previous"): Promise<string | undefined> {
    if (source === "none") return undefined;
    if (source === "upload") return uploadedId;
    const [photo] = await testBed.stack.database.sql`
      select id from photos where step_id = ${stepIds.at(-1)![0]!} order by slot_index limit 1`;
    // A step that was cancelled early has no image to continue from.
    return photo?.id ?? uploadedId;
  }

  const positions = schedule.steps.map((_, position) => position);
  if (schedule.pace === "all at once") await runSteps(positions);
  else for (const position of positions) await runSteps([position]);
  for (const id of sessionIds) await user.completeSession(id);
  await openWorkEnds(testBed, settleTimeoutMs);
  return stepIds.flat();
}
