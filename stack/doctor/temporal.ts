import { scheduledTasks } from "#activities/worker/schedules";
import { isNoAnswer, type Temporal } from "#api/temporal/connection";
import { hasPoller, taskTypes } from "#api/temporal/service-state";
import { invokeaiBackendId } from "#workflows/invokeai-backend/contract";
import { housekeepingId, type HousekeepingTask } from "#workflows/housekeeping/contract";
import { queues } from "#workflows/task-queues";
import type { Check } from "./finding";
import { findRun } from "./runs";

const callTimeoutMs = 3_000;
/** A schedule answers once Temporal's own worker has taken its last change, which takes seconds on a busy server. */
const scheduleTimeoutMs = 8_000;
/** gRPC's code. */
const notFound = 5;

/** The Temporal service, its namespace, and whether workers poll each queue. */
export function checkTemporal(temporal: Temporal, address: string): Check {
  return {
    part: "temporal",
    async run({ ok, fault }) {
      const { connection, namespace, within } = temporal;
      try {
        await within(callTimeoutMs, () =>
          connection.workflowService.describeNamespace({ namespace }),
        );
      } catch (error) {
        if ((error as { code?: number }).code === notFound) {
          return fault(`has no namespace ${namespace}`, "Start the worker: it creates it.");
        }
        return fault(
          `does not answer at ${address}`,
          "Start it, or correct TEMPORAL_ADDRESS. Requests are accepted and wait.",
        );
      }
      ok(`answers at ${address}, namespace ${namespace}`);
    },
  };
}

/** Workers: each queue needs one. */
export function checkWorkers(temporal: Temporal): Check {
  return {
    part: "workers",
    async run({ ok, fault }) {
      const wanted = [
        [queues.main, "workflows", taskTypes.workflow],
        [queues.main, "activities", taskTypes.activity],
        [queues.generation, "activities", taskTypes.activity],
        [queues.images, "activities", taskTypes.activity],
        [queues.housekeeping, "activities", taskTypes.activity],
      ] as const;
      const polled = await Promise.all(
        wanted.map(([queue, , type]) => hasPoller(temporal, queue, type)),
      );
      const missing = wanted.filter((_, at) => !polled[at]);
      for (const [queue, what] of missing) {
        fault(`none polls ${queue} for ${what}`, "Start the worker, or read its log.");
      }
      if (missing.length === 0) ok(`poll ${Object.values(queues).join(", ")}`);
    },
  };
}

/** The schedules, how their last runs ended, and the run that must always be open. */
export function checkSchedules(temporal: Temporal): Check {
  return {
    part: "schedules",
    async run({ ok, warning, fault }) {
      const states = await Promise.all(
        scheduledTasks.map(async (task) => ({ task, state: await readSchedule(temporal, task) })),
      );
      const named = (wanted: ScheduleState) =>
        states.filter(({ state }) => state === wanted).map(({ task }) => task);
      // Without a folder for backups there is none for them.
      const missing = named("missing").filter((task) => task !== "back-up");
      const [paused, failing, silent] = [named("paused"), named("failing"), named("silent")];
      if (missing.length > 0) {
        fault(`missing: ${missing.join(", ")}`, "Restart the worker: it creates them.");
      }
      if (paused.length > 0) {
        warning(`paused: ${paused.join(", ")}`, "Unpause them in the Temporal web UI.");
      }
      if (failing.length > 0) {
        fault(
          `the last run failed: ${failing.join(", ")}`,
          "The Temporal web UI shows why, and the log of the worker.",
        );
      }
      if (silent.length > 0) {
        fault(
          `no answer of: ${silent.join(", ")}`,
          "Try again; if it stays, Temporal or its database is overloaded.",
        );
      }
      const backend = await findRun(temporal, invokeaiBackendId);
      if (!backend?.isOpen) {
        fault("the run invokeai-backend is not open", "Restart the worker: reconcile starts it.");
      }
      if (missing.length + paused.length + failing.length + silent.length === 0) {
        ok(`${named("well").length} are there, and their last runs did not fail`);
      }
    },
  };
}

type ScheduleState = "well" | "missing" | "paused" | "failing" | "silent";

async function readSchedule(temporal: Temporal, task: HousekeepingTask): Promise<ScheduleState> {
  const handle = temporal.client.schedule.getHandle(housekeepingId(task));
  try {
    const { state, info } = await temporal.within(scheduleTimeoutMs, () => handle.describe());
    if (state.paused) return "paused";
    const last = info.recentActions.at(-1)?.action.workflow.workflowId;
    const run = last === undefined ? undefined : await findRun(temporal, last);
    return run?.hasFailed ? "failing" : "well";
  } catch (error) {
    if ((error as Error).name === "ScheduleNotFoundError") return "missing";
    if (isNoAnswer(error)) return "silent";
    throw error;
  }
}
