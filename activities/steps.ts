import { findOpenAttempt, listSlots, openAttempt } from "#db/queries/attempts";
import { dropProgress } from "#db/queries/progress";
import { listUntriedRetrievals } from "#db/queries/retrievals";
import {
  endStep,
  findStep,
  type LiveStatus,
  noteStepMessage,
  startStep,
  type StepEnding,
} from "#db/queries/steps";
import type { Tally } from "#workflows/generation-step/contract";
import type { ActivityDeps } from "./deps";
import { tallyOf } from "./tally";

type StepRef = { stepId: string };
type OpenAttempt = { batchId: string; images: number };

/** What a step's run does to rows; each may run twice. */
export function createStepActivities({ database: { db }, now }: ActivityDeps) {
  return {
    async beginStep({ stepId }: StepRef) {
      const step = await findStep(db, stepId);
      const status = step?.status;
      if (status !== "pending" && status !== "processing") return { state: "ended" as const };
      if (step?.cancelRequestedAt) return { state: "cancelling" as const };
      return { state: "live" as const, status, hasSource: step?.sourceImageId != null };
    },

    noteStepMessage: (params: StepRef & { message: string; place?: number }): Promise<void> =>
      noteStepMessage(db, params),

    /** The step has its turn: from now on it is in progress. */
    async openAttempt(params: StepRef & { backend: string }): Promise<OpenAttempt | null> {
      const step = await findStep(db, params.stepId);
      if (step) await startStep(db, { step, now: now() });
      if (step?.progressMessage) await noteStepMessage(db, { ...params, message: null });
      const attempt = await openAttempt(db, params);
      return attempt ? { batchId: attempt.batchId, images: attempt.slotIndexes.length } : null;
    },

    async findOpenAttempt({ stepId }: StepRef): Promise<OpenAttempt | null> {
      const attempt = await findOpenAttempt(db, stepId);
      return attempt ? { batchId: attempt.batchId, images: attempt.slotIndexes.length } : null;
    },

    tallySlots: async ({ stepId }: StepRef): Promise<Tally> => tallyOf(await listSlots(db, stepId)),

    listUntriedRetrievals: ({ stepId }: StepRef): Promise<string[]> =>
      listUntriedRetrievals(db, stepId),

    /** `from`: the only state it is ended from; without it any live one. */
    async endStep(params: StepRef & { ending: StepEnding; from?: LiveStatus }): Promise<void> {
      const { stepId, ending, from } = params;
      await endStep(db, { stepId, ending, from, now: now() });
      await dropProgress(db, stepId);
    },
  };
}
