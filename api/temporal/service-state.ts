import { serviceTimeoutMs, type Temporal } from "./connection";

/** TaskQueueType of temporal.api.enums.v1. */
export const taskTypes = { workflow: 1, activity: 2 } as const;
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

/** Whether a worker polls a task queue for tasks of a type. */
export async function hasPoller(
  { connection, namespace, within }: Temporal,
  name: string,
  taskQueueType: (typeof taskTypes)[keyof typeof taskTypes],
): Promise<boolean> {
  try {
    const { pollers } = await within(serviceTimeoutMs, () =>
      connection.workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name },
        taskQueueType,
      }),
    );
    return (pollers ?? []).some(
      (poller) => Date.now() - Number(poller.lastAccessTime?.seconds ?? 0) * 1_000 < pollerAliveMs,
    );
  } catch {
    return false;
  }
}
