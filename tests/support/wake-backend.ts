import { invokeaiBackendId, lookAgain } from "#workflows/invokeai-backend/contract";
import type { Stack } from "./stack";
import { until } from "./wait";

/** Signals the backend's run, as the API does after a change; waits for a run that is not open yet. */
export async function wakeBackend({ temporal }: Pick<Stack, "temporal">): Promise<void> {
  await until("the backend's run", () =>
    temporal.workflow
      .getHandle(invokeaiBackendId)
      .signal(lookAgain)
      .then(
        () => true,
        () => false,
      ),
  );
}
