import {
  ActivityCancellationType,
  condition,
  proxyActivities,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import type { ShowStatus } from "../lib/run-status";
import { rows } from "../lib/rows";
import { queues } from "../task-queues";
import type { Timings } from "../timings";
import { type Grant, turnGranted, type TurnOwner, waitMessage } from "./contract";

// A cancel waits for a running request: the release that follows must find the turn's row.
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

/** This run's turn at InvokeAI. Create it once per run, before anything is awaited: it sets a signal handler. */
export function createTurn(owner: TurnOwner, timings: Timings, showStatus: ShowStatus) {
  let granted: Grant | undefined;
  let signals = 0;
  setHandler(turnGranted, (grant) => {
    signals++;
    granted = grant;
  });

  // Checks InvokeAI. An unreachable InvokeAI is a result; retried here: an unreachable database.
  const invokeai = proxyActivities<Activities>({
    taskQueue: queues.generation,
    cancellationType,
    startToCloseTimeout: "5 minutes",
    heartbeatTimeout: timings.heartbeatMs,
    retry: { initialInterval: "500ms", maximumInterval: "10 seconds" },
  });

  return {
    /**
     * Waits for the turn; returns the name of the backend. A waiting run sleeps until another run grants it the turn: the
     * line is rows. `continueAsNew` is called when the history or the number of signals is near its limit; the row keeps
     * its position.
     */
    async take(options: { continueAsNew: () => Promise<never> }): Promise<string> {
      let reply = await rows.askForTurn(owner);
      if (reply.isUnchecked) reply = await invokeai.checkAndAskForTurn(owner);
      const { ticket, backend, position, reason } = reply;
      if (backend !== null) return backend;
      showStatus("waiting", waitMessage({ position, reason }));
      const findGrant = () => (granted?.ticket === ticket ? granted : undefined);
      const isLong = () =>
        workflowInfo().continueAsNewSuggested || signals >= timings.maxSignalsPerRun;
      await condition(() => findGrant() !== undefined || isLong());
      return findGrant()?.backend ?? options.continueAsNew();
    },

    /** Releases the turn, or leaves the line; does nothing if the run has neither. */
    release: (): Promise<void> => rows.giveTurnBack(owner),
  };
}
