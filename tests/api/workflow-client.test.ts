import { afterAll, beforeAll, expect, test } from "bun:test";
import { Client, Connection } from "@temporalio/client";
import { AppError } from "#errors";
import { createLog } from "#api/log";
import { createWorkflowClient } from "#api/temporal/workflow-client";
import { startTcpProxy } from "#tests/support/tcp-proxy";
import { startTemporalServer } from "#tests/support/temporal-server";
import { until } from "#tests/support/wait";
import { generationSessionId } from "#workflows/generation-session/contract";
import { invokeaiMirrorId } from "#workflows/invokeai-mirror/contract";
import { searchAttributes } from "#workflows/search-attributes";

/** INDEXED_VALUE_TYPE_KEYWORD of temporal.api.enums.v1. */
const keyword = 2;

let server: Awaited<ReturnType<typeof startTemporalServer>>;
let connection: Connection;
beforeAll(async () => {
  server = await startTemporalServer();
  connection = await Connection.connect({ address: server.address });
  await connection.operatorService.addSearchAttributes({
    namespace: "default",
    searchAttributes: Object.fromEntries(
      Object.values(searchAttributes).map(({ name }) => [name, keyword]),
    ),
  });
}, 60_000);
afterAll(async () => {
  await connection.close();
  await server.stop();
});

const log = createLog("silent");
const clientAt = (address: string) =>
  createWorkflowClient({ address, namespace: "default", uiUrl: "http://ui.test:8233", log });

/** The error thrown. `expect().rejects` waits in a way that starves the connection. */
const caught = (work: Promise<unknown>) => work.catch((error: unknown) => error);

test("an unavailable service is a quick false, and a 503 where its answer is needed", async () => {
  const client = clientAt("127.0.0.1:9");
  const asked = performance.now();
  expect(await client.stepRequested(crypto.randomUUID(), crypto.randomUUID())).toBe(false);
  expect(await client.isReachable()).toBe(false);
  const error = await caught(client.refreshModels());
  expect(error).toBeInstanceOf(AppError);
  expect(error).toMatchObject({ kind: "unavailable", code: "workflow_unavailable" });
  expect(performance.now() - asked).toBeLessThan(30_000);
  await client.close();
}, 60_000);

test("a service that accepts the connection but does not answer times out after 2 s", async () => {
  const [host = "", port] = server.address.split(":");
  const line = await startTcpProxy({ host, port: Number(port) });
  const client = clientAt(`127.0.0.1:${line.port}`);
  line.stall();
  const asked = performance.now();
  expect(await client.sessionOpened(crypto.randomUUID())).toBe(false);
  expect(performance.now() - asked).toBeLessThan(20_000);
  line.resume();
  await client.close();
  await line.stop();
}, 60_000);

test("a service that takes seconds to connect is told of a change, although the owner waits for half a second only", async () => {
  const [host = "", port] = server.address.split(":");
  const line = await startTcpProxy({ host, port: Number(port) }, { answerDelayMs: 700 });
  const client = clientAt(`127.0.0.1:${line.port}`);
  expect(await client.mirrorWanted()).toBe(false);
  const run = new Client({ connection }).workflow.getHandle(invokeaiMirrorId);
  await until("the run of the mirror", () =>
    run.describe().then(
      () => true,
      () => false,
    ),
  );
  await client.close();
  await line.stop();
}, 60_000);

test("the same client reconnects soon after the service's return", async () => {
  const own = await startTemporalServer();
  const client = clientAt(own.address);
  expect(await client.isReachable()).toBe(true);
  await own.kill();
  expect(await client.isReachable()).toBe(false);
  await own.start();
  const back = performance.now();
  while (!(await client.isReachable())) expect(performance.now() - back).toBeLessThan(20_000);
  await client.close();
  await own.stop();
}, 60_000);

test("two notifications of a session start one run, which finds both steps", async () => {
  const client = clientAt(server.address);
  const sessionId = crypto.randomUUID();
  const told = [
    await client.sessionOpened(sessionId),
    await client.stepRequested(sessionId, "step-1"),
    await client.stepRequested(sessionId, "step-2"),
    await client.stepCancelled(sessionId, "step-1"),
    await client.sessionFinished(sessionId),
    await client.retrievalRetried({ id: crypto.randomUUID(), sessionId }),
  ];
  expect(told).toEqual(Array(6).fill(true));
  const { workflow } = new Client({ connection });
  const { events } = await workflow.getHandle(generationSessionId(sessionId)).fetchHistory();
  const signals = events?.flatMap((event) => event.workflowExecutionSignaledEventAttributes ?? []);
  expect(signals?.map((signal) => signal.signalName)).toEqual([
    "stepRequested",
    "stepRequested",
    "stepCancelled",
    "sessionFinished",
  ]);
  await client.close();
}, 60_000);

test("the URL of a run contains its id, whatever characters it has", () => {
  const client = clientAt(server.address);
  expect(client.workflowUrl("generation-step/a b")).toBe(
    "http://ui.test:8233/namespaces/default/workflows/generation-step%2Fa%20b",
  );
  const bare = createWorkflowClient({ address: server.address, namespace: "x", uiUrl: null, log });
  expect(bare.workflowUrl("x")).toBeUndefined();
});
