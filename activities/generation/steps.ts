import { findOpenAttempt, listSlots, openAttempt } from "#db/queries/steps/attempts";
import { dropProgress } from "#db/queries/steps/progress";
import { listUntriedRetrievals } from "#db/queries/steps/retrievals";
import {
  endStep,
  findStep,
  type LiveStatus,
  noteStepMessage,
  startStep,
  type StepEnding,
} from "#db/queries/steps/steps";
import type { Tally } from "#workflows/generation-step/contract";
import { refreshBackend } from "../backend/backend-probe";
import { hasEnded } from "../backend/places";
import type { ActivityDeps } from "../deps";
import { refuseAfterLimit } from "../pods/cut-short";
import { firstCombination } from "./item-slots";
import { tallyOf, withDetails } from "./tally";

type StepRef = { stepId: string };
type OpenAttempt = { batchId: string; images: number };

/** The row activities of a step's run; each may run twice. */
export function createStepActivities(deps: ActivityDeps) {
  const { now } = deps;
  const { db } = deps.database;

  async function withErrorDetails(stepId: string, ending: StepEnding): Promise<StepEnding> {
    if (ending.status !== "failed") return ending;
    return { ...ending, error: withDetails(ending.error, await listSlots(db, stepId)) };
  }

  return {
    async beginStep({ stepId }: StepRef) {
      const step = await findStep(db, stepId);
      const status = step?.status;
      if (status !== "pending" && status !== "processing") return { state: "ended" as const };
      if (step?.cancelRequestedAt) return { state: "cancelling" as const };
      return { state: "live" as const, status, untried: await listUntriedRetrievals(db, stepId) };
    },

    /** The step has its turn and becomes `processing`. `gone`: the place of the turn has ended, so another turn is needed. */
    async openAttempt(params: StepRef & { backend: string }): Promise<OpenAttempt | "gone" | null> {
      await refuseAfterLimit(db, params.backend);
      if (await hasEnded(deps, params.backend)) {
        // So that no other turn is granted there.
        await refreshBackend(deps, params.backend);
        return "gone";
      }
      const step = await findStep(db, params.stepId);
      if (!step) return null;
      await startStep(db, { step, now: now() });
      if (step.progressMessage) await noteStepMessage(db, { ...params, message: null });
      const inOneBatch = (slotIndexes: readonly number[]) => firstCombination(step, slotIndexes);
      const attempt = await openAttempt(db, { ...params, inOneBatch });
      return attempt ? { batchId: attempt.batchId, images: attempt.slotIndexes.length } : null;
    },

    async findOpenAttempt({ stepId }: StepRef): Promise<OpenAttempt | null> {
      const attempt = await findOpenAttempt(db, stepId);
      return attempt ? { batchId: attempt.batchId, images: attempt.slotIndexes.length } : null;
    },

    /** Counts the slots, and lists the photos that had no attempt to fetch them yet. */
    async countImages({ stepId }: StepRef): Promise<{ tally: Tally; untried: string[] }> {
      // Read before the tally, so that an image lost in between is counted as lost.
      const untried = await listUntriedRetrievals(db, stepId);
      return { tally: tallyOf(await listSlots(db, stepId)), untried };
    },

    /** `from`: the only status that may be ended; without it, any live one. */
    async endStep(params: StepRef & { ending: StepEnding; from?: LiveStatus }): Promise<void> {
      const { stepId, from } = params;
      const ending = await withErrorDetails(stepId, params.ending);
      await endStep(db, { stepId, ending, from, now: now() });
      await dropProgress(db, stepId);
    },
  };
}
