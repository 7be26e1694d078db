import {
  condition,
  getExternalWorkflowHandle,
  isCancellation,
  patched,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import { turnGranted, turnWaiting } from "../generation-step/contract";
import { sentenceOf } from "../generation-step/policy";
import { invokeaiBackendId, turnDone, turnWanted } from "../invokeai-backend/contract";
import type { Timings } from "../timings";
import { present } from "./present";

/** This run's turn at InvokeAI; made once a run, before anything is awaited. */
export function createTurn(timings: Timings) {
  const self = workflowInfo().workflowId;
  let backend: string | undefined;
  let wait: { place: number; reason: string } | undefined;
  setHandler(turnGranted, (turn) => void (backend = turn.backend));
  setHandler(turnWaiting, (told) => void (wait = told));

  async function tellBackend(signal: typeof turnWanted): Promise<boolean> {
    try {
      await getExternalWorkflowHandle(invokeaiBackendId).signal(signal, { workflowId: self });
      return true;
    } catch (error) {
      if (isCancellation(error)) throw error;
      return false;
    }
  }

  return {
    /**
     * Waits for the turn and answers where InvokeAI is. `tell` gets each new reason to wait, with the place in the
     * line; `continueAsNew` ends a run whose asking would fill its history: its place is kept under the workflow's id.
     */
    async take(options: {
      tell: (sentence: string, place: number) => Promise<void>;
      continueAsNew: () => Promise<never>;
    }): Promise<string> {
      present("waiting", "Waiting for its turn at InvokeAI.");
      let shown = "";
      let asked = false;
      let isToAsk = true;
      while (backend === undefined) {
        if (isToAsk) asked = await tellBackend(turnWanted);
        // A backend that is not there yet is started within a minute; until then the asking is cheap.
        const askAgainMs = asked ? timings.turnAskAgainMs : 2_000;
        await condition(
          () => backend !== undefined || (wait !== undefined && sentenceOf(wait) !== shown),
          askAgainMs,
        );
        isToAsk = true;
        if (backend === undefined && wait !== undefined && sentenceOf(wait) !== shown) {
          shown = sentenceOf(wait);
          present("waiting", shown);
          await options.tell(shown, wait.place);
          // Who is told is in the line. Runs from before it asked again all the same.
          isToAsk = !patched("told-is-in-line");
        }
        if (backend === undefined && workflowInfo().continueAsNewSuggested) {
          await options.continueAsNew();
        }
      }
      return backend;
    },

    async giveBack(): Promise<void> {
      backend = undefined;
      await tellBackend(turnDone);
    },
  };
}
