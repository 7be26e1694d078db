import { Gauge } from "prom-client";
import type { Storage } from "#media/storage/storage";
import { inTime } from "./in-time";
import type { Metrics } from "./metrics";
import type { WorkflowClient } from "./temporal/workflow-client";

/** Adds what the gallery needs to go on: free space, a workflow service that answers, a worker. */
export function watchParts(
  { registry }: Metrics,
  storage: Storage,
  temporal: Pick<WorkflowClient, "isReachable" | "hasWorker">,
): void {
  const registers = [registry];
  const free = new Gauge({
    name: "gallery_storage_free_bytes",
    help: "Free space where the photos are stored",
    registers,
    async collect() {
      free.remove();
      const read = await inTime(storage.freeBytes());
      if (read && Number.isFinite(read.value)) free.set(read.value);
    },
  });
  const parts = new Gauge({
    name: "gallery_part_up",
    help: "1 while the part answers: the workflow service, and a worker that polls",
    labelNames: ["part"],
    registers,
    async collect() {
      const [service, worker] = await Promise.all([
        inTime(temporal.isReachable()),
        inTime(temporal.hasWorker()),
      ]);
      parts.set({ part: "workflow_service" }, service?.value ? 1 : 0);
      parts.set({ part: "worker" }, worker?.value ? 1 : 0);
    },
  });
}
