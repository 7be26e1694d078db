import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import type { Db } from "#db/client";
import { countConnections } from "#db/queries/installation/connections";
import type { Output } from "#output";
import { inTime } from "./in-time";
import { type CountRequest, createRequestDurations } from "./request-durations";
import type { WorkflowClient } from "./temporal/workflow-client";

export type Metrics = {
  registry: Registry;
  countRequest: CountRequest;
  countUpload(outcome: "created" | "duplicate" | "rejected", bytes: number): void;
  /** @param call which call to the workflow service failed */
  countWorkflowError(call: string): void;
};

/**
 * Metrics with their own registry, so that two apps in one process do not share counts. Labels come from fixed lists:
 * an id, key, name or address is never a label.
 */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const uploads = new Counter({
    name: "gallery_uploads_total",
    help: "Uploaded files, by outcome",
    labelNames: ["outcome"],
    registers,
  });
  const uploadBytes = new Counter({
    name: "gallery_upload_bytes_total",
    help: "Bytes of completely received files",
    registers,
  });
  const workflowErrors = new Counter({
    name: "gallery_workflow_client_errors_total",
    help: "Failed calls to the workflow service, by call",
    labelNames: ["call"],
    registers,
  });
  for (const outcome of ["created", "duplicate", "rejected"]) uploads.inc({ outcome }, 0);

  return {
    registry,
    countRequest: createRequestDurations(registry),
    countUpload(outcome, bytes) {
      uploads.inc({ outcome });
      uploadBytes.inc(bytes);
    },
    countWorkflowError: (call) => workflowErrors.inc({ call }),
  };
}

/** Adds metrics of this process: memory, processor time, open files, event loop lag. */
export function watchProcess({ registry }: Metrics): void {
  collectDefaultMetrics({ register: registry });
  // V8 metrics: under Bun they are zero or do not mean what their names say.
  const foreign = /^nodejs_(heap_space|active|version|gc)|^process_(heap|virtual_memory)_bytes$/;
  for (const { name } of registry.getMetricsAsArray()) {
    if (foreign.test(name)) registry.removeSingleMetric(name);
  }
}

/** Adds the number of lost log lines. */
export function watchLog({ registry }: Metrics, { lostLines }: Output): void {
  const counter = new Counter({
    name: "gallery_log_lines_lost_total",
    help: "Log lines of the api that could not be written, for example because the disk is full",
    registers: [registry],
    collect() {
      counter.reset();
      counter.inc(lostLines());
    },
  });
}

/** Adds the number of database connections by state, queried on each scrape. */
export function watchDatabase({ registry }: Metrics, db: Db): void {
  const gauge = new Gauge({
    name: "gallery_database_connections",
    help: "Connections of the api to the database, by state",
    labelNames: ["state"],
    registers: [registry],
    async collect() {
      gauge.reset();
      const counted = await inTime(countConnections(db));
      for (const { state, count } of counted?.value ?? []) gauge.set({ state }, count);
    },
  });
}

/** Not counted: "no worker" is not an error, the others make no call. */
const uncounted = new Set(["workflowUrl", "close"]);

/** The same client; each call that the workflow service did not accept is counted. */
export function countFailedCalls(client: WorkflowClient, metrics: Metrics): WorkflowClient {
  type Call = (...args: unknown[]) => unknown;
  const counted = (name: string, call: Call): Call =>
    async function (...args) {
      try {
        const answer = await call(...args);
        if (answer === false) metrics.countWorkflowError(name);
        return answer;
      } catch (error) {
        metrics.countWorkflowError(name);
        throw error;
      }
    };
  const entries = Object.entries(client).map(([name, call]) => [
    name,
    uncounted.has(name) ? call : counted(name, call as Call),
  ]);
  return Object.fromEntries(entries) as WorkflowClient;
}
