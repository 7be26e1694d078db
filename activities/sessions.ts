import { finishSession } from "#db/queries/session-end";
import { closeQuietSession } from "#db/queries/sessions";
import { closeCancelledWaitingSteps, endStep, findNextStep } from "#db/queries/steps";
import type { ActivityDeps } from "./deps";

const summaryLength = 60;

type NextStep =
  | { state: "run"; stepId: string; summary: string }
  | { state: "idle" }
  | { state: "closed" };

/** The beginning of a prompt, never with half a character at its end. */
function summaryOf(prompt: string): string {
  const line = prompt.replace(/\s+/g, " ").trim();
  return line.slice(0, summaryLength).replace(/[\uD800-\uDBFF]$/, "");
}

/** What a session's run does to rows. */
export function createSessionActivities({ database: { db }, now }: ActivityDeps) {
  return {
    /** What comes next, read from the rows alone. */
    async nextStep({ sessionId }: { sessionId: string }): Promise<NextStep> {
      await closeCancelledWaitingSteps(db, { sessionId, now: now() });
      const { session, step } = await findNextStep(db, sessionId);
      if (step) {
        return { state: "run", stepId: step.id, summary: summaryOf(step.prompt) };
      }
      return { state: session?.status === "active" ? "idle" : "closed" };
    },

    async closeCancelledSteps({ sessionId }: { sessionId: string }): Promise<void> {
      await closeCancelledWaitingSteps(db, { sessionId, now: now() });
    },

    /** Closes a session nobody asked anything of; not one that got a step meanwhile. */
    async closeIdleSession({ sessionId }: { sessionId: string }): Promise<void> {
      await closeQuietSession(db, { sessionId, now: now() });
    },

    /** What is left to do for a session whose steps have all ended. */
    async finishSession({ sessionId }: { sessionId: string }): Promise<void> {
      await db.transaction((tx) => finishSession(tx, { sessionId, now: now() }));
    },

    /** For a step whose run was ended by hand, without a word to its row. */
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
