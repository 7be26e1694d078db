import { and, eq, getTableColumns, sql } from "drizzle-orm";
import type { Tx } from "../../client";
import type { Schedule } from "../../opening";
import type { Priority } from "../../schema/columns";
import { sessions } from "../../schema/sessions";
import { type Step, steps } from "../../schema/steps";
import { announceProgress } from "../steps/progress";

/** An absent field is undefined: it stays as it is. */
type ScheduleChange = {
  priority: Priority | undefined;
  notBefore: Date | null | undefined;
  window: Schedule["window"] | undefined;
};

const fieldsOf = ({ priority, notBefore, window }: ScheduleChange) => ({
  ...(priority !== undefined && { priority }),
  ...(notBefore !== undefined && { notBefore }),
  ...(window !== undefined && { window }),
});

/** Changes what a session's later steps get. The caller holds the session's lock. */
export async function setSessionSchedule(
  tx: Tx,
  params: { sessionId: string; change: ScheduleChange },
): Promise<void> {
  await tx.update(sessions).set(fieldsOf(params.change)).where(eq(sessions.id, params.sessionId));
}

/**
 * Changes the waiting steps of a session, or one of them, and returns them. One that holds its turn is about to start, and stays
 * as it is. The caller holds the session's lock, and has locked the place in force.
 */
export async function rescheduleSteps(
  tx: Tx,
  params: { sessionId: string; stepId: string | undefined; change: ScheduleChange },
): Promise<Step[]> {
  return tx
    .update(steps)
    .set(fieldsOf(params.change))
    .where(
      and(
        eq(steps.sessionId, params.sessionId),
        eq(steps.status, "pending"),
        params.stepId === undefined ? undefined : eq(steps.id, params.stepId),
        sql`not exists (select from turns where step_id = ${steps.id} and backend is not null)`,
      ),
    )
    .returning({ ...getTableColumns(steps), announced: announceProgress });
}
