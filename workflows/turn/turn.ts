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
import { type Grant, standDown, turnGranted, type TurnOwner, waitMessage } from "./contract";

// A cancel waits for a running request: the release that follows must find the turn's row.
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

/** This run's turn at InvokeAI. Create it once per run, before anything is awaited: it sets a signal handler. */
export function createTurn(owner: TurnOwner, timings: Timings, showStatus: ShowStatus) {
  let granted: Grant | undefined;
  let signals = 0;
  let isToStandDown = false;
  setHandler(turnGranted, (grant) => {
    signals++;
    granted = grant;
  });
  setHandler(standDown, () => {
    signals++;
    isToStandDown = true;
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
     * its position. `standDown` is called once the run has left the line: its window closed, or `standDown` was signalled.
     */
    async take(options: {
      continueAsNew: () => Promise<never>;
      standDown: () => Promise<never>;
    }): Promise<string> {
      let reply = await rows.askForTurn(owner);
      if (reply.isUnchecked) reply = await invokeai.checkAndAskForTurn(owner);
      const { ticket, backend, askedAtMs } = reply;
      if (backend !== null) return backend;
      showStatus("waiting", waitMessage(reply));
      const findGrant = () => (granted?.ticket === ticket ? granted : undefined);
      const isLong = () =>
        workflowInfo().continueAsNewSuggested || signals >= timings.maxSignalsPerRun;
      let { closesAtMs } = reply;
      for (;;) {
        const isOver = () => findGrant() !== undefined || isToStandDown || isLong();
        const isLeft =
          closesAtMs === null
            ? await condition(isOver).then(() => isToStandDown)
            : !(await condition(isOver, Math.max(closesAtMs - Date.now(), 1))) || isToStandDown;
        const grant = findGrant();
        if (grant) return grant.backend;
        if (!isLeft) return options.continueAsNew();
        if (await rows.leaveLine({ owner, askedAtMs })) return options.standDown();
        // Granted at the same moment: the signal follows.
        isToStandDown = false;
        closesAtMs = null;
      }
    },

    /** Releases the turn, or leaves the line; does nothing if the run has neither. */
    release: (): Promise<void> => rows.giveTurnBack(owner),
  };
}
