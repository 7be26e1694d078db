import { historyToJSON } from "@temporalio/common/lib/proto-utils";
import { Worker } from "@temporalio/worker";
import { required } from "./environment";
import type { Stack } from "./stack";
import { until } from "./wait";

export type RecordedRun = {
  workflowId: string;
  history: { events: { eventType: string }[] };
};

export type RunsToRecord = {
  /** A query of Temporal's visibility. */
  query: string;
  /** Whether runs may be open; otherwise all but the backend's have to end first. */
  areOpen?: boolean;
  isKept?: (workflowId: string) => boolean;
  /** Waits until so many are listed. */
  atLeast: number;
};

/** The runs that a query finds, as the text of a JSON array with one run a line. */
export async function recordRuns(
  { temporal }: Pick<Stack, "temporal">,
  { query, areOpen = false, isKept = () => true, atLeast }: RunsToRecord,
): Promise<string> {
  let found: string[] = [];
  const list = async () => {
    found = [];
    let isUnfinished = false;
    for await (const { workflowId, runId, type, status } of temporal.workflow.list({ query })) {
      isUnfinished ||= status.name === "RUNNING" && type !== "invokeaiBackend";
      if (!isKept(workflowId)) continue;
      const run = temporal.workflow.getHandle(workflowId, runId);
      const history = withoutThisMachine(JSON.parse(historyToJSON(await run.fetchHistory())));
      found.push(JSON.stringify({ workflowId, history }));
    }
    return (areOpen || !isUnfinished) && found.length >= atLeast && found.toSorted();
  };
  const lines = await until("runs that are listed", list, 30_000, () => found.join("\n"));
  return `[\n${lines.join(",\n")}\n]\n`;
}

/** Removes host names, stack traces, ids and empty fields, which a replay does not use. */
function withoutThisMachine(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutThisMachine);
  if (typeof value === "string") return value.replace(/^gallery@[^:]*/, "gallery@host");
  if (typeof value !== "object" || value === null) return value;
  const dropped = new Set(["identity", "stackTrace", "workerVersion", "taskId", "requestId"]);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, each]) => each !== null && !dropped.has(key))
      .map(([key, each]) => [key, withoutThisMachine(each)]),
  );
}

/** The replay of an unreadable history never settles; the time-out makes it a failure. */
const timeoutMs = 60_000;

/** Replays runs with the workflow bundle of this test run; returns the errors by workflow id. */
export async function replay(runs: readonly RecordedRun[]): Promise<Record<string, string>> {
  const faults: Record<string, string> = {};
  const codePath = required("TEST_WORKFLOW_BUNDLE");
  const results = Worker.runReplayHistories({ workflowBundle: { codePath } }, runs);
  const replayed = (async () => {
    let count = 0;
    for await (const { workflowId, error } of results) {
      count++;
      if (error) faults[workflowId] = error.message;
    }
    return count;
  })();
  const count = await Promise.race([replayed, Bun.sleep(timeoutMs)]);
  if (count !== runs.length) faults[""] = `${count ?? "not all"} of ${runs.length} runs replayed`;
  return faults;
}

export const kindsOf = (runs: readonly RecordedRun[]) =>
  new Set(runs.map(({ workflowId }) => workflowId.replace(/\/.*/, "")));
