import {
  ActivityFailure,
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  proxyActivities,
  setHandler,
  workflowInfo,
} from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import { showStatus } from "../lib/run-status";
import { queues } from "../task-queues";
import { timingsOf } from "../timings";
import { installChanged, type ModelInstallInput } from "./contract";
import { maxLooksPerRun, pauseAfter } from "./policy";

// Rows only: retried until the database answers, however long that takes.
const { failInstall } = proxyActivities<Activities>({
  startToCloseTimeout: "30 seconds",
  retry: { initialInterval: "500ms", maximumInterval: "10 seconds" },
});

/** Has InvokeAI install a model at a place, and records the progress in the install's row. Cancelled by its row. */
export async function modelInstall(input: ModelInstallInput): Promise<void> {
  const { installId } = input;
  const timings = timingsOf(input);
  // InvokeAI may be down, and its place not rented, for days: retried until it answers. The longest interval is also how late
  // a pod that has become ready is noticed, which costs money.
  const { tendInstall } = proxyActivities<Activities>({
    taskQueue: queues.generation,
    startToCloseTimeout: "30 minutes",
    heartbeatTimeout: timings.heartbeatMs,
    retry: {
      initialInterval: pauseAfter(1, timings),
      maximumInterval: 3 * timings.installCheckMs,
    },
  });
  let signals = 0;
  setHandler(installChanged, () => void signals++);

  showStatus("waiting", "Waiting for InvokeAI to answer at the place of the install.");
  try {
    for (let looks = 1; ; looks += 1) {
      const seen = signals;
      const view = await tendInstall({ installId, graceMs: timings.enqueueGraceMs });
      showStatus(view.status, view.message);
      if (view.next === "over") return;
      const isLong = looks >= maxLooksPerRun || signals >= timings.maxSignalsPerRun;
      if (isLong || workflowInfo().continueAsNewSuggested) {
        await condition(allHandlersFinished);
        await continueAsNew<typeof modelInstall>(input);
      }
      if (view.next === "later") await condition(() => signals > seen, pauseAfter(looks, timings));
    }
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const { cause } = error;
    const reason =
      cause instanceof ApplicationFailure ? cause.message : "The install was ended from outside.";
    await CancellationScope.nonCancellable(() => failInstall({ installId, reason }));
    showStatus("failed", reason);
    throw error;
  }
}
