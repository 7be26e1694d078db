import { queues } from "#workflows/task-queues";
import { serviceTimeoutMs, type Temporal } from "./connection";

/** TASK_QUEUE_TYPE_WORKFLOW of temporal.api.enums.v1. */
const workflowTasks = 1;
/** The service lists a poller for minutes after its last poll; a running worker polls again within a minute. */
const pollerAliveMs = 75_000;

/** Whether the workflow service answers. */
export async function isReachable({ connection, namespace, within }: Temporal): Promise<boolean> {
  try {
    await within(serviceTimeoutMs, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
    return true;
  } catch {
    return false;
  }
}

/** Whether a worker polls the task queue. */
export async function hasWorker({ connection, namespace, within }: Temporal): Promise<boolean> {
  try {
    const { pollers } = await within(serviceTimeoutMs, () =>
      connection.workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name: queues.main },
        taskQueueType: workflowTasks,
      }),
    );
    return (pollers ?? []).some(
      (poller) => Date.now() - Number(poller.lastAccessTime?.seconds ?? 0) * 1_000 < pollerAliveMs,
    );
  } catch {
    return false;
  }
}
