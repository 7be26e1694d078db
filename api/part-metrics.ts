import { Gauge } from "prom-client";
import type { Db } from "#db/client";
import { findServed } from "#db/queries/installation/workers";
import type { Storage } from "#media/storage/storage";
import { queues } from "#workflows/task-queues";
import { inTime } from "./in-time";
import type { Metrics } from "./metrics";
import type { WorkflowClient } from "./temporal/workflow-client";

const roles = Object.keys(queues).filter((name) => name !== "main");

/** Adds what the gallery needs to go on: free space, a workflow service that answers, workers. */
export function watchParts(
  { registry }: Metrics,
  storage: Storage,
  temporal: Pick<WorkflowClient, "isReachable">,
  db: Db,
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
    help: "1 while the part answers: the workflow service, and workers with every role",
    labelNames: ["part"],
    registers,
    async collect() {
      const [service, served] = await Promise.all([
        inTime(temporal.isReachable()),
        inTime(findServed(db)),
      ]);
      parts.set({ part: "workflow_service" }, service?.value ? 1 : 0);
      const isServed = served !== undefined && roles.every((role) => served.value.roles.has(role));
      parts.set({ part: "worker" }, isServed ? 1 : 0);
    },
  });
}
