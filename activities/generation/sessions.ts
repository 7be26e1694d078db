import { finishSession } from "#db/queries/generation/session-end";
import { closeQuietSession } from "#db/queries/generation/sessions";
import { closedMessage, isOpen, openingOf } from "#db/opening";
import { closeCancelledWaitingSteps, endStep, findLiveSteps } from "#db/queries/steps/steps";
import { beginningOf } from "#storable-text";
import type { ActivityDeps } from "../deps";

const summaryLength = 60;

type NextStep = (
  | { state: "run"; stepId: string; summary: string }
  /** No step may start before `untilMs`, in milliseconds since 1970; `reason` is of the first that may. */
  | { state: "later"; untilMs: number; stepId: string; reason: string }
  | { state: "idle" }
  | { state: "closed" }
) & { title?: string };

/** The beginning of a prompt or title. */
function summaryOf(text: string): string {
  return beginningOf(text.replace(/\s+/g, " ").trim(), summaryLength);
}

/** The row activities of a session's run. */
export function createSessionActivities({ database: { db }, now, config }: ActivityDeps) {
  return {
    /** The next step, decided from rows alone. */
    async nextStep({ sessionId }: { sessionId: string }): Promise<NextStep> {
      await closeCancelledWaitingSteps(db, { sessionId, now: now() });
      const { session, live } = await findLiveSteps(db, sessionId);
      const title = session?.title ? { title: summaryOf(session.title) } : {};
      const at = now();
      const { timeZone } = config;
      const step = live.find((waiting) => isOpen(waiting, at, timeZone));
      if (step) {
        return { state: "run", stepId: step.id, summary: summaryOf(step.prompt), ...title };
      }
      const [first] = live
        .map((waiting) => ({ waiting, opensAt: openingOf(waiting, at, timeZone).opensAt ?? at }))
        .toSorted((a, b) => a.opensAt.getTime() - b.opensAt.getTime());
      if (first) {
        const { waiting, opensAt } = first;
        const reason = closedMessage(waiting, opensAt, timeZone);
        return { state: "later", untilMs: opensAt.getTime(), stepId: waiting.id, reason, ...title };
      }
      return { state: session?.status === "active" ? "idle" : "closed", ...title };
    },

    async closeCancelledSteps({ sessionId }: { sessionId: string }): Promise<void> {
      await closeCancelledWaitingSteps(db, { sessionId, now: now() });
    },

    /** Closes an idle session, unless a step was added meanwhile. */
    async closeIdleSession({ sessionId }: { sessionId: string }): Promise<void> {
      await closeQuietSession(db, { sessionId, now: now() });
    },

    /** Completes the closing of a session whose steps have all ended. */
    async finishSession({ sessionId }: { sessionId: string }): Promise<void> {
      await db.transaction((tx) => finishSession(tx, { sessionId, now: now() }));
    },

    /** For a step whose run was terminated by hand, without updating its row. */
    async failBrokenStep({ stepId }: { stepId: string }): Promise<void> {
      const error = {
        code: "server_error",
        message: "The step's run was ended from outside.",
        suggestion: "Retry the step.",
      };
      await endStep(db, { stepId, ending: { status: "failed", error }, now: now() });
    },
  };
}
