import { until } from "#tests/support/wait";
import { findLivePodSession } from "#db/queries/pods/sessions";
import { describeState, haveEnded, haveStepsEnded, openWorkEnds } from "../quiescence";
import type { Report } from "../runner";
import { InconclusiveRun } from "../strikes";
import { createUserSession } from "../user-session";
import { describePodFault } from "./faults";
import { type Observed, sessionsOf } from "./moments";
import { type Budgets, createOwner } from "./owner";
import { findBrokenPromises } from "./promises";
import { denoisingSteps, drawPodSchedule, type PodSchedule } from "./schedule";
import { watchStalls } from "./stalls";
import { type AddedPods, armPodFault } from "./strikes";
import { type PodTestBed, usualTerminatingMs } from "./test-bed";

/** Long enough for a busy machine; only a stuck run exceeds it. */
const settleTimeoutMs = 240_000;
/** A reaper that is killed is started again after its heartbeat time-out of a minute. */
const reapedWithinMs = 80_000;
const pollEveryMs = 300;

/** What is judged afterwards. */
export type Played = {
  schedule: PodSchedule;
  observed: Observed;
  added: AddedPods;
  budgets: Budgets;
  /** When the owner raised the budgets, after one was used up. */
  liftedAt: number | undefined;
  /** The kinds of the faults that struck. */
  struck: ReadonlySet<string>;
  /** For how long this process did not run when it should have: on a busy machine, everything ends later. */
  stalledMs: number;
};

/**
 * Runs the schedule of a seed on an idle test bed.
 * @throws InconclusiveRun when it is inconclusive
 */
export async function runPodSchedule(seed: number, bed: PodTestBed): Promise<Report> {
  const schedule = drawPodSchedule(seed);
  const startedAt = performance.now();
  const report: Report = {
    seed,
    outline: outlineOf(schedule),
    planned: schedule.faults.map(({ kind }) => kind),
    ms: 0,
    struck: [],
    notReached: [],
    broken: [],
    log: "",
  };
  try {
    const played = await play(bed, schedule, report);
    report.broken.push(...(await findBrokenPromises(bed, played)));
  } catch (error) {
    if (error instanceof InconclusiveRun) throw error;
    report.broken.push(`it did not end: ${error instanceof Error ? error.message : String(error)}`);
    report.log = await describeState(bed).catch(String);
  }
  if (report.broken.length > 0) {
    const sessions = await sessionsOf(bed, { since: new Date(0) });
    const { pods, calls } = await bed.runpod.state();
    const facts = JSON.stringify({ sessions, pods, calls: calls.slice(-400) }, null, 1);
    report.log = [report.log, facts, ...bed.worker.outputs()].join("\n--- next worker\n");
  }
  return { ...report, ms: performance.now() - startedAt };
}

function outlineOf({ place, pace, steps, budget, end, hasShortPages }: PodSchedule): string {
  return [
    `${steps.length} steps ${pace}`,
    place === "volume" ? "on a volume" : "without a volume",
    ...(budget === null ? [] : [`a budget of the ${budget.of}`]),
    ...(hasShortPages ? ["pages of two"] : []),
    `ends: ${end}`,
  ].join(", ");
}

/** Runs the steps with their faults, and ends the pod, until nothing is open. */
async function play(bed: PodTestBed, schedule: PodSchedule, report: Report): Promise<Played> {
  const { runpod, stack } = bed;
  const owner = createOwner(bed);
  const user = createUserSession(bed.gallery);
  const budgets = await owner.prepare(schedule);
  const observed: Observed = {
    since: new Date(),
    stepIds: [],
    requestedAt: undefined,
    isOver: false,
  };
  const added: AddedPods = { strangers: [], forgotten: [] };
  const stalls = watchStalls();
  let liftedAt: number | undefined;
  if (schedule.hasShortPages) await runpod.addFault({ kind: "short_pages", size: 2 });
  const armed = await Promise.all(
    schedule.faults.map(async (fault) => ({
      fault,
      ...(await armPodFault(bed, fault, { observed, added })),
    })),
  );
  const strikes = Promise.all(
    armed.map(async ({ fault, strike }) => {
      const words = describePodFault(fault);
      if (await strike()) report.struck.push({ kind: fault.kind, words });
      else report.notReached.push(words);
    }),
  );
  // Awaited below; an earlier failure must not end the process.
  strikes.catch(() => {});

  const sessionId = await user.openSession();
  for (const step of schedule.steps) {
    const planned = { kind: "plain", ...step, denoisingSteps } as const;
    observed.stepIds.push(...(await user.requestStep(sessionId, planned, undefined)).stepIds);
    observed.requestedAt ??= performance.now();
    if (schedule.pace === "one by one") await stepsEnd();
  }
  await stepsEnd();
  await endPods();
  observed.isOver = true;
  await strikes;
  await Promise.all([bed.postgres.over(), bed.temporal.over()]);
  await runpod.clearFaults();
  await runpod.setTimeline({ terminatingMs: usualTerminatingMs });
  await user.completeSession(sessionId);
  await openWorkEnds(bed, settleTimeoutMs);
  await ourPodsEnd();
  for (const id of added.strangers) await runpod.strikePod(id, "vanish");
  const reasons = (await sessionsOf(bed, observed)).map(({ endReason }) => endReason).reverse();
  report.outline += `; pods: ${reasons.join(", ")}`;
  const struck = new Set(report.struck.map(({ kind }) => kind));
  const stalledMs = stalls.stop();
  return { schedule, observed, added, budgets, liftedAt, struck, stalledMs };

  /** The owner lifts a budget that is used up, and asks for another pod when the gallery waits for that. */
  async function stepsEnd(): Promise<void> {
    await until(
      "the end of the steps",
      async () => {
        if (await haveEnded(bed, observed.stepIds)) return true;
        const [last] = await sessionsOf(bed, observed);
        if (last === undefined || last.endedAt === null) return false;
        if (last.endReason === "session_budget" || (await owner.isMonthUsed())) {
          await owner.liftBudgets();
          liftedAt ??= Date.now();
          await owner.startPod();
        }
        const isAsked = last.endReason === "unresponsive" || last.replaces !== null;
        // Images that are left on a volume wait for the next pod, and do not rent one.
        if (isAsked || (await haveStepsEnded(bed, observed.stepIds))) await owner.startPod();
        return false;
      },
      settleTimeoutMs,
      undefined,
      pollEveryMs,
    );
  }

  async function endPods(): Promise<void> {
    await until(
      "the end of the last pod",
      async () => {
        if (!(await findLivePodSession(stack.database.db))) return true;
        await owner.endPod(schedule.end);
        if (schedule.end === "idle") await owner.passIdleMinute();
        return false;
      },
      settleTimeoutMs,
      undefined,
      pollEveryMs,
    );
  }

  /** What still lives afterwards is judged. */
  async function ourPodsEnd(): Promise<void> {
    const deadline = Date.now() + reapedWithinMs;
    while (Date.now() < deadline) {
      const living = await runpod.livingPods();
      if (!living.some(({ name }) => name.startsWith(bed.prefix))) return;
      await Bun.sleep(pollEveryMs);
    }
  }
}
