import { expect, test } from "bun:test";
import { Connection } from "@temporalio/client";
import { NativeConnection, Worker } from "@temporalio/worker";
import { ensureNamespace } from "#activities/namespace";
import { whenOneFails } from "#activities/worker-failure";
import { startTemporalServer } from "#tests/support/temporal-server";

test("a worker that the workflow service refuses after its database was lost is told to have failed", async () => {
  const server = await startTemporalServer();
  const { address } = server;
  const connection = await Connection.connect({ address });
  const native = await NativeConnection.connect({ address });
  const looking = new AbortController();
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
    const failure = whenOneFails([worker], looking.signal).catch(String);
    expect(await failure).toContain("The worker of images has failed.");
  } finally {
    looking.abort();
    await connection.close();
    await server.stop();
  }
}, 120_000);
