import { afterAll, beforeAll, expect, test } from "bun:test";
import { Client, Connection } from "@temporalio/client";
import { AppError } from "#errors";
import { createLog } from "#api/log";
import { createWorkflowTeller } from "#api/temporal";
import { startLine } from "#tests/support/line";
import { startTemporalServer } from "#tests/support/temporal-server";
import { generationSessionId } from "#workflows/generation-session/contract";
import { searchAttributes } from "#workflows/search-attributes";

/** INDEXED_VALUE_TYPE_KEYWORD of temporal.api.enums.v1. */
const keyword = 2;

let server: Awaited<ReturnType<typeof startTemporalServer>>;
beforeAll(async () => {
  server = await startTemporalServer();
}, 60_000);
afterAll(() => server.stop());

const log = createLog("silent");
const tellerAt = (address: string) =>
  createWorkflowTeller({ address, namespace: "default", uiUrl: "http://ui.test:8233", log });

/** What is thrown, without the test runner's own waiting, which starves the connection. */
const caught = (work: Promise<unknown>) => work.catch((error: unknown) => error);

test("a service that is away costs no time and no error: false, and a 503 where its answer is needed", async () => {
  const teller = tellerAt("127.0.0.1:9");
  const asked = performance.now();
  expect(await teller.stepRequested(crypto.randomUUID(), crypto.randomUUID())).toBe(false);
  expect(await teller.isReachable()).toBe(false);
  expect(await teller.hasWorker()).toBe(false);
  const error = await caught(teller.refreshModels());
  expect(error).toBeInstanceOf(AppError);
  expect(error).toMatchObject({ kind: "unavailable", code: "workflow_unavailable" });
  expect(performance.now() - asked).toBeLessThan(8_000);
  await teller.close();
}, 20_000);

test("a service that takes the connection and says nothing is given 2 s", async () => {
  const [host = "", port] = server.address.split(":");
  const line = await startLine({ host, port: Number(port) });
  const teller = tellerAt(`127.0.0.1:${line.port}`);
  line.silence();
  const asked = performance.now();
  expect(await teller.sessionOpened(crypto.randomUUID())).toBe(false);
  expect(performance.now() - asked).toBeLessThan(3_000);
  line.speak();
  await teller.close();
  await line.stop();
}, 20_000);

test("it reconnects by itself: the same teller tells again within 5 s of the service's return", async () => {
  const own = await startTemporalServer();
  const teller = tellerAt(own.address);
  expect(await teller.isReachable()).toBe(true);
  await own.kill();
  expect(await teller.isReachable()).toBe(false);
  await own.start();
  const back = performance.now();
  while (!(await teller.isReachable())) expect(performance.now() - back).toBeLessThan(5_000);
  await teller.close();
  await own.stop();
}, 60_000);

test("a session that is told of twice is one run, which finds both steps", async () => {
  const connection = await Connection.connect({ address: server.address });
  await connection.operatorService.addSearchAttributes({
    namespace: "default",
    searchAttributes: Object.fromEntries(
      Object.values(searchAttributes).map(({ name }) => [name, keyword]),
    ),
  });
  const teller = tellerAt(server.address);
  const sessionId = crypto.randomUUID();
  const told = [
    await teller.sessionOpened(sessionId),
    await teller.stepRequested(sessionId, "step-1"),
    await teller.stepRequested(sessionId, "step-2"),
    await teller.stepCancelled(sessionId, "step-1"),
    await teller.sessionFinished(sessionId),
    await teller.retrievalRetried(crypto.randomUUID(), sessionId),
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
  await teller.close();
  await connection.close();
}, 20_000);

test("without a worker it says so", async () => {
  const teller = tellerAt(server.address);
  expect(await teller.isReachable()).toBe(true);
  expect(await teller.hasWorker()).toBe(false);
  await teller.close();
});

test("the page of a run is found by its id, whatever is in it", () => {
  const teller = tellerAt(server.address);
  expect(teller.workflowUrl("generation-step/a b")).toBe(
    "http://ui.test:8233/namespaces/default/workflows/generation-step%2Fa%20b",
  );
  const bare = createWorkflowTeller({ address: server.address, namespace: "x", uiUrl: null, log });
  expect(bare.workflowUrl("x")).toBeUndefined();
});
