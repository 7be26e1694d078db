import {
  allHandlersFinished,
  condition,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import { showStatus } from "../lib/run-status";
import { queues } from "../task-queues";
import { timingsOf } from "../timings";
import { checkLine, type InvokeaiBackendInput, lookAgain } from "./contract";
import { describeLine, type LineView } from "./policy";

type View = Awaited<ReturnType<Activities["checkBackend"]>>;
type Pod = Awaited<ReturnType<Activities["tendPod"]>>;

/**
 * Rents and ends the pod, tracks whether InvokeAI answers at the place in force, and repairs the line for it. All of it is in
 * rows. Exactly one run, always open.
 */
export async function invokeaiBackend(input: InvokeaiBackendInput): Promise<void> {
  const timings = timingsOf(input);
  // An unreachable InvokeAI is a result; retried here: an unreachable database. The heartbeat detects a dead worker soon.
  const { checkBackend, tendLine, tendPod } = proxyActivities<Activities>({
    taskQueue: queues.generation,
    startToCloseTimeout: "5 minutes",
    heartbeatTimeout: timings.heartbeatMs,
    retry: { initialInterval: "500ms", maximumInterval: "10 seconds" },
  });
  // Tried once a round: InvokeAI may fail for ever, and its pod has to be tended meanwhile.
  const { syncModels } = proxyActivities<Activities>({
    taskQueue: queues.generation,
    startToCloseTimeout: "5 minutes",
    heartbeatTimeout: timings.heartbeatMs,
    retry: { maximumAttempts: 1 },
  });
  let isWoken = false;
  let signals = 0;
  let view: View | undefined;
  let pod: Pod = { hasChanged: false, isOpen: true, pauseMs: null };
  let podDueAt = 0;
  let checkedAt = 0;
  let isOutdated = false;
  /** The place that has answered at each check since its models were read. */
  let readFrom: string | undefined;
  /** When they are read again because part of what comes with them was missing, and how long that was waited for. */
  let rereadAt = Infinity;
  let rereadPauseMs = 0;

  setHandler(lookAgain, () => {
    signals++;
    isOutdated = true;
    isWoken = true;
  });
  setHandler(checkLine, () => {
    signals++;
    isWoken = true;
  });

  for (;;) {
    isWoken = false;
    // A pod that is in use is looked at on time, however often the line changes.
    const isPodDue = isOutdated || !pod.isOpen || Date.now() >= podDueAt;
    if (isPodDue) {
      pod = await tendPod({});
      podDueAt = Date.now() + (pod.pauseMs ?? timings.backendCheckMs);
      if (pod.hasChanged) isOutdated = true;
      if (pod.pauseMs === 0 && !pod.isOpen) continue;
    }
    if (view === undefined || isOutdated || Date.now() - checkedAt >= timings.backendRetryMs) {
      isOutdated = false;
      view = await checkBackend({});
      checkedAt = Date.now();
    }
    // Turns are granted only after the models were read.
    const { backend, ready } = view;
    if (Date.now() >= rereadAt) readFrom = undefined;
    const isRead = ready && (readFrom === backend || (await readModels(backend)));
    readFrom = isRead ? backend : undefined;
    const line = await tendLine({ backend, ready: isRead && pod.isOpen });
    const reason = isRead || !ready ? view.reason : "InvokeAI does not list its models.";
    showStatus(isRead ? "ready" : "unreachable", `${reason} ${describeLine(line)}`);
    if (workflowInfo().continueAsNewSuggested || signals >= timings.maxSignalsPerRun) {
      await condition(allHandlersFinished);
      await continueAsNew<typeof invokeaiBackend>({ timings: input.timings });
    }
    const untilPod = Math.max(podDueAt - Date.now(), 0);
    const untilReread = Math.max(rereadAt - Date.now(), 0);
    await condition(() => isWoken, Math.min(pauseMs(view, line), untilPod, untilReread));
  }

  async function readModels(backend: string): Promise<boolean> {
    try {
      const read = await syncModels({ backend });
      const isPartial = "isPartial" in read;
      // Each pause is twice as long: what cannot be read now may never be.
      rereadPauseMs = isPartial ? Math.max(2 * rereadPauseMs, timings.backendRetryMs) : 0;
      rereadAt = isPartial ? Date.now() + rereadPauseMs : Infinity;
      return true;
    } catch (error) {
      if (isCancellation(error)) throw error;
      return false;
    }
  }

  function pauseMs({ ready }: View, { holder, waiting }: LineView): number {
    if (holder === null && waiting === 0) return timings.backendCheckMs;
    return !ready && waiting > 0 ? timings.backendRetryMs : timings.lineCheckMs;
  }
}
