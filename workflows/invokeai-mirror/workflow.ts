import { continueAsNew, proxyActivities, setHandler } from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import { showStatus } from "../lib/run-status";
import { queues } from "../task-queues";
import { timingsOf } from "../timings";
import { type InvokeaiMirrorInput, mirrorWanted } from "./contract";

/**
 * Brings pictures that were made in InvokeAI's own page into the library, until the setting is off. One activity follows
 * InvokeAI for an hour; what it has taken is in rows, so that another try goes on behind it.
 */
export async function invokeaiMirror(input: InvokeaiMirrorInput): Promise<void> {
  const timings = timingsOf(input);
  // Retried here: a dead worker, a full disk, an unreachable database. An InvokeAI that is away is waited for inside.
  const { followGallery } = proxyActivities<Activities>({
    taskQueue: queues.images,
    startToCloseTimeout: "2 hours",
    heartbeatTimeout: timings.heartbeatMs,
    retry: { initialInterval: "500ms", maximumInterval: "30 seconds" },
  });
  let isWanted = false;
  setHandler(mirrorWanted, () => {
    isWanted = true;
  });
  showStatus("following", "Takes pictures that are made in InvokeAI's own page.");
  const { mirrorCheckMs, mirrorCompareMs } = timings;
  const { isOff } = await followGallery({ mirrorCheckMs, mirrorCompareMs });
  if (!isOff || isWanted) await continueAsNew<typeof invokeaiMirror>(input);
  showStatus("off", "The setting backend.mirror is off.");
}
