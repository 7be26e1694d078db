import { expect, test } from "bun:test";
import { Connection } from "@temporalio/client";
import { NativeConnection, Worker } from "@temporalio/worker";
import { ensureNamespace } from "#activities/worker/namespace";
import { whenOneFails } from "#activities/worker/worker-failure";
import { startTemporalServer } from "#tests/support/temporal-server";

test("a worker that the workflow service refuses after the loss of its database is reported as failed", async () => {
  const server = await startTemporalServer();
  const { address } = server;
  const connection = await Connection.connect({ address });
  const native = await NativeConnection.connect({ address });
  const watching = new AbortController();
  try {
    await ensureNamespace(connection, "gallery");
    const nothing = { nothing: async () => {} };
    const worker = await Worker.create({
      connection: native,
      namespace: "gallery",
      taskQueue: "images",
      activities: nothing,
    });
    await server.kill();
    await server.deleteDatabase();
    await server.start();
    void worker.run().catch(() => {});
    const failure = whenOneFails([worker], watching.signal).catch(String);
    expect(await failure).toContain("The worker of images has failed.");
  } finally {
    watching.abort();
    await connection.close();
    await server.stop();
  }
}, 120_000);
