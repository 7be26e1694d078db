import { Client, Connection } from "@temporalio/client";
import type { PayloadCodec } from "@temporalio/common";
import { NativeConnection, Worker } from "@temporalio/worker";
import { ensureNamespace } from "#activities/worker/namespace";
import { queues } from "#workflows/task-queues";
import { required } from "./environment";

type FakeActivities = Record<string, (input: any) => Promise<unknown>>;

/**
 * Runs the project's workflows with a test's own activities, in a new namespace.
 * @param payloadCodecs see everything that the workers send and receive
 */
export async function startWorkflowBench(
  activities: FakeActivities,
  address: string,
  payloadCodecs: PayloadCodec[] = [],
) {
  const namespace = `workflows-${crypto.randomUUID()}`;
  const connection = await Connection.connect({ address });
  await ensureNamespace(connection, namespace);
  const native = await NativeConnection.connect({ address });
  const dataConverter = { payloadCodecs };
  const shared = { connection: native, namespace, activities, dataConverter };
  const workers = await Promise.all([
    Worker.create({
      ...shared,
      taskQueue: queues.main,
      workflowBundle: { codePath: required("TEST_WORKFLOW_BUNDLE") },
      maxCachedWorkflows: 50,
    }),
    ...[queues.generation, queues.images, queues.housekeeping].map((taskQueue) =>
      Worker.create({ ...shared, taskQueue }),
    ),
  ]);
  const working = Promise.all(workers.map((worker) => worker.run()));
  return {
    client: new Client({ connection, namespace }),
    stop: async (): Promise<void> => {
      for (const worker of workers) worker.shutdown();
      await working;
      await native.close();
      await connection.close();
    },
  };
}
