import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Db } from "#db/client";
import { countConnections } from "#db/queries/connections";
import type { WorkflowTeller } from "./workflow-teller";

export type Metrics = {
  registry: Registry;
  /** @param request.route the pattern, never the address: that may hold a link's key; null: no route answered */
  countRequest(request: {
    method: string;
    route: string | null;
    status: number;
    seconds: number;
  }): void;
  countUpload(outcome: "created" | "duplicate" | "rejected", bytes: number): void;
  /** @param call which call to the workflow service got no good answer */
  countWorkflowError(call: string): void;
};

// From a thumbnail out of the cache to a form of ten large pictures.
const durationBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const methods = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/**
 * What is counted, in a registry of its own: two apps in one process do not meet. Labels come from lists that are
 * ours: no id, key, name or address is ever one.
 */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const durations = new Histogram({
    name: "gallery_http_request_duration_seconds",
    help: "Time until an answer began, by method, pattern of the route and status",
    labelNames: ["method", "route", "status"],
    buckets: durationBuckets,
    registers,
  });
  const uploads = new Counter({
    name: "gallery_uploads_total",
    help: "Files that were sent, by what became of them",
    labelNames: ["outcome"],
    registers,
  });
  const uploadBytes = new Counter({
    name: "gallery_upload_bytes_total",
    help: "Bytes of files that were received whole",
    registers,
  });
  const workflowErrors = new Counter({
    name: "gallery_workflow_client_errors_total",
    help: "Calls to the workflow service without a good answer, by call",
    labelNames: ["call"],
    registers,
  });
  for (const outcome of ["created", "duplicate", "rejected"]) uploads.inc({ outcome }, 0);

  // Kept by their labels: finding one anew would be a good part of what a thumbnail costs.
  const series = new Map<string, ReturnType<typeof durations.labels>>();

  return {
    registry,
    countRequest({ method, route, status, seconds }) {
      const key = `${method} ${status} ${route}`;
      let durationsOfKind = series.get(key);
      if (!durationsOfKind) {
        const labels = { method: methods.has(method) ? method : "other", route: route ?? "none" };
        durationsOfKind = durations.labels({ ...labels, status });
        if (methods.has(method)) series.set(key, durationsOfKind);
      }
      durationsOfKind.observe(seconds);
    },
    countUpload(outcome, bytes) {
      uploads.inc({ outcome });
      uploadBytes.inc(bytes);
    },
    countWorkflowError: (call) => workflowErrors.inc({ call }),
  };
}

/** Adds what there is to tell of this process: memory, processor, open files, lag of the event loop. */
export function watchProcess({ registry }: Metrics): void {
  collectDefaultMetrics({ register: registry });
  // Of another engine: zero, or not what their names say, under Bun.
  const foreign = /^nodejs_(heap_space|active|version|gc)|^process_(heap|virtual_memory)_bytes$/;
  for (const { name } of registry.getMetricsAsArray()) {
    if (foreign.test(name)) registry.removeSingleMetric(name);
  }
}

/** Within this the database answers, or nothing is told of it. */
const databaseBoundMs = 1_000;

/** Adds what the connections to the database do; asked when somebody asks for the metrics. */
export function watchDatabase({ registry }: Metrics, db: Db): void {
  const gauge = new Gauge({
    name: "gallery_database_connections",
    help: "Connections of the api to the database, by what they do",
    labelNames: ["state"],
    registers: [registry],
    async collect() {
      gauge.reset();
      const counted = await Promise.race([
        countConnections(db).catch(() => []),
        Bun.sleep(databaseBoundMs).then(() => []),
      ]);
      for (const { state, count } of counted) gauge.set({ state }, count);
    },
  });
}

/** No worker is no failed call, and the other two call nobody. */
const uncounted = new Set(["hasWorker", "workflowUrl", "close"]);

/** The same teller, with each call counted that the workflow service did not take. */
export function countFailedCalls(teller: WorkflowTeller, metrics: Metrics): WorkflowTeller {
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
  const entries = Object.entries(teller).map(([name, call]) => [
    name,
    uncounted.has(name) ? call : counted(name, call as Call),
  ]);
  return Object.fromEntries(entries) as WorkflowTeller;
}
