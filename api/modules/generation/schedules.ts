import type { Tx } from "#db/client";
import { lockPlaceInForce } from "#db/queries/backends/in-force";
import { rescheduleSteps, setSessionSchedule } from "#db/queries/generation/schedules";
import { lockSession } from "#db/queries/generation/session-requests";
import { moveInLine } from "#db/queries/line/turns";
import { findStep } from "#db/queries/steps/steps";
import { conflict, notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import type { RequestedSchedule } from "./schedule-model";
import { notifySession } from "./steps";

type Deps = Pick<ApiDeps, "config" | "database" | "temporal" | "now">;

export const isEmpty = (change: RequestedSchedule): boolean =>
  Object.values(change).every((value) => value === undefined);

/**
 * Changes the schedule of a step that waits.
 * @throws AppError not_found; conflict when it has started
 */
export async function changeStepSchedule(
  deps: Deps,
  stepId: string,
  change: RequestedSchedule,
): Promise<void> {
  const moved = await deps.database.db.transaction(async (tx) => {
    const step = await findStep(tx, stepId);
    const session = step && (await lockSession(tx, step.sessionId));
    if (!session) throw notFound("step");
    const rescheduled = await reschedule(deps, tx, { sessionId: session.id, stepId, change });
    if (rescheduled.stepIds.length === 0) {
      throw conflict("The step has started or ended; its priority and time no longer matter.");
    }
    return rescheduled;
  });
  await notifyMoved(deps, moved);
}

/**
 * Changes the schedule of a session: that of its waiting steps, and of those that are requested later.
 * @throws AppError not_found; conflict when it is closed
 */
export async function changeSessionSchedule(
  deps: Deps,
  sessionId: string,
  change: RequestedSchedule,
): Promise<void> {
  const moved = await deps.database.db.transaction(async (tx) => {
    const session = await lockSession(tx, sessionId);
    if (!session) throw notFound("session");
    if (session.status !== "active") throw conflict(`The session is ${session.status} already.`);
    await setSessionSchedule(tx, { sessionId, change });
    return reschedule(deps, tx, { sessionId, stepId: undefined, change });
  });
  await notifyMoved(deps, moved);
}

/** `mustAsk`: steps in the line whose runs have to ask again. */
type Moved = { sessionId: string; stepIds: string[]; mustAsk: string[] };

async function reschedule(
  { config, now }: Deps,
  tx: Tx,
  params: { sessionId: string; stepId: string | undefined; change: RequestedSchedule },
): Promise<Moved> {
  // Turns are granted under this lock: a step either has its turn, or gets it by the new schedule.
  await lockPlaceInForce(tx);
  const changed = await rescheduleSteps(tx, params);
  const mustAsk = await moveInLine(tx, { changed, now: now(), timeZone: config.timeZone });
  return { sessionId: params.sessionId, stepIds: changed.map(({ id }) => id), mustAsk };
}

/** A session that sleeps until a step may start reads its rows again. */
async function notifyMoved(deps: Deps, { sessionId, stepIds, mustAsk }: Moved): Promise<void> {
  const [stepId] = stepIds;
  if (stepId === undefined) return;
  await notifySession(deps, { sessionId, stepId });
  for (const id of mustAsk) await deps.temporal.stepOvertaken(id);
}
