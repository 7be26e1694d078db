import { serviceTimeoutMs, type Temporal } from "./connection";

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
