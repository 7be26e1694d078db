import { afterAll, afterEach, expect, test } from "bun:test";
import { createInvokeAiClient } from "#activities/adapters/invokeai/client";
import { buildGraph } from "#activities/adapters/invokeai/graphs/index";
import type { SimulatorState } from "#simulators/invokeai/control";
import { generationSessionId } from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { photoRetrievalId } from "#workflows/photo-retrieval/contract";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";
import { graphRequest } from "#tests/support/graph-request";

const { stack, gallery } = await startGallery();

afterEach(() => stack.calmInvokeAi());
afterAll(() => stack.stop(), 30_000);

const ended = ["completed", "failed", "cancelled"];
const cancel = (stepId: string) => gallery.post(`/generation/steps/${stepId}/cancel`);

async function requestStep(parameters: object): Promise<{ stepId: string; sessionId: string }> {
  const session = await gallery.createSession();
  const step = await gallery.requestStep(session.id, { parameters });
  return { stepId: step.id, sessionId: session.id };
}

const sentFor = ({ enqueues }: SimulatorState, stepId: string) =>
  enqueues.filter(({ batchId }) => batchId.startsWith(stepId));

/** Sends a batch of another client to the same InvokeAI. */
async function sendForeignBatch(batchId: string) {
  const invokeai = createInvokeAiClient({
    baseUrl: stack.invokeai.url,
    connectionTimeoutMs: 1_000,
    readTimeoutMs: 5_000,
  });
  const model = (await invokeai.listModels()).find(
    ({ base, type }) => base === "sd-1" && type === "main",
  );
  if (!model) throw new Error("the simulator has no model of base sd-1");
  const graph = buildGraph(graphRequest(model, { prompt: "another client's picture" }));
  const slots = [0, 1].map((index) => ({ index, seed: 900 + index }));
  await invokeai.enqueueBatch({ batchId, graph, slots });
  return () => invokeai.getBatchStatus(batchId);
}

test("Cancel while generating: InvokeAI's batch is cancelled by id, finished images stay and are retrieved, step cancelled", async () => {
  const { control } = stack.invokeai;
  await control.holdStep({ item: 2, step: 1 });
  const { stepId } = await requestStep({ seed: 100, batch_size: 4 });
  await control.until((state) => state.frozen !== null);
  const foreign = await sendForeignBatch("another-clients-batch");
  const before = (await control.state()).requests;
  await cancel(stepId);
  const step = await gallery.stepIs(stepId, ended);
  expect(step.status).toBe("cancelled");
  await gallery.allRetrieved(stepId, 2);
  const photos = await gallery.photosOf(stepId);
  expect(photos.map(({ photo }) => photo.generation_metadata.seed)).toEqual([100, 101]);

  const state = await control.until(({ queue }) => queue.pending + queue.inProgress === 0);
  expect(state.requests.cancelByBatchIds ?? 0).toBeGreaterThan(before.cancelByBatchIds ?? 0);
  expect(state.generated.filter(({ batchId }) => batchId.startsWith(stepId))).toHaveLength(2);
  expect(sentFor(state, stepId)).toHaveLength(1);
  // Another client's batch in the same queue is untouched.
  expect(await foreign()).toMatchObject({ total: 2, completed: 2, cancelled: 0 });
  const run = stack.temporal.workflow.getHandle(generationStepId(stepId));
  await until("a cancelled run", async () => (await run.describe()).status.name === "CANCELLED");
}, 90_000);

test("images that were finished but not yet recorded at the cancel are kept", async () => {
  const { control } = stack.invokeai;
  await control.holdStep({ item: 2, step: 1 });
  await control.addFault({ kind: "request_held", route: "listAll" });
  const { stepId } = await requestStep({ seed: 105, batch_size: 3 });
  await control.until((state) => state.frozen !== null && state.held.length > 0);
  expect(await gallery.photosOf(stepId)).toEqual([]);
  const before = (await control.state()).requests.cancelByBatchIds ?? 0;
  await cancel(stepId);
  await control.until(({ requests }) => (requests.cancelByBatchIds ?? 0) > before);
  await control.clearFaults();
  const step = await gallery.stepIs(stepId, ended);
  expect(step.status).toBe("cancelled");
  await gallery.allRetrieved(stepId, 2);
}, 90_000);

test("an image that is being fetched when its step is cancelled is fetched by a retrieval run, with one download at a time", async () => {
  const { control } = stack.invokeai;
  await control.holdStep({ item: 1, step: 1 });
  await control.addFault({ kind: "request_held", route: "imageFull" });
  const { stepId } = await requestStep({ seed: 107, batch_size: 2 });
  await control.until(
    ({ frozen, held }) => frozen !== null && held.some(({ route }) => route === "imageFull"),
  );
  await cancel(stepId);
  await gallery.stepIs(stepId, ["cancelled"]);
  const [item] = await gallery.photosOf(stepId);
  expect(item?.retrieval_status).not.toBe("completed");
  const fetching = stack.temporal.workflow.getHandle(photoRetrievalId(item?.image_id));
  await until("its run", async () => (await fetching.describe().catch(() => undefined)) && true);
  const heldDownloads = ({ held }: SimulatorState) =>
    held.filter(({ route }) => route === "imageFull").length;
  await control.until((state) => heldDownloads(state) === 1);
  await control.clearFaults();
  await gallery.allRetrieved(stepId, 1);
  await until("its end", async () => (await fetching.describe()).status.name === "COMPLETED");
}, 90_000);

test("a retry of a cancelled step generates only the missing images, with their seeds", async () => {
  const { control } = stack.invokeai;
  await control.holdStep({ item: 1, step: 1 });
  const { stepId } = await requestStep({ seed: 110, batch_size: 3 });
  await gallery.photosAre(stepId, 1);
  await cancel(stepId);
  await gallery.stepIs(stepId, ["cancelled"]);
  await gallery.post(`/generation/steps/${stepId}/retry`);
  await gallery.stepIs(stepId, ["completed"]);
  await gallery.allRetrieved(stepId, 3);
  const seeds = sentFor(await control.state(), stepId).map((batch) => batch.seeds);
  expect(seeds).toEqual([
    [110, 111, 112],
    [111, 112],
  ]);
}, 90_000);

test("a retried step that waits behind another step of its session is cancelled at once", async () => {
  const { control } = stack.invokeai;
  const session = await gallery.createSession();
  await control.holdStep({ item: 0, step: 1 });
  const again = await gallery.requestStep(session.id, { parameters: { seed: 910 } });
  await control.until((state) => state.frozen !== null);
  await gallery.post(`/generation/steps/${again.id}/cancel`);
  await gallery.stepIs(again.id, ["cancelled"]);
  await control.clearFaults();
  await control.holdStep({ item: 0, step: 1 });
  const running = await gallery.requestStep(session.id, { parameters: { seed: 920 } });
  await control.until((state) => state.frozen?.batchId.startsWith(running.id) === true);
  await gallery.post(`/generation/steps/${again.id}/retry`);
  await gallery.post(`/generation/steps/${again.id}/cancel`);
  await gallery.stepIs(again.id, ["cancelled"]);
  await control.release();
  await gallery.stepIs(running.id, ["completed"]);
}, 90_000);

test("a step cancelled behind another of its session is never sent", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const { stepId, sessionId } = await requestStep({ seed: 140, batch_size: 1 });
  await control.until((state) => state.frozen !== null);
  const next = await gallery.requestStep(sessionId, { parameters: { seed: 150, batch_size: 1 } });
  await cancel(next.id);
  await gallery.stepIs(next.id, ["cancelled"]);
  await control.release();
  await gallery.stepIs(stepId, ["completed"]);
  expect(sentFor(await control.state(), next.id)).toEqual([]);
}, 90_000);

test("a step cancelled when all its images exist already is completed", async () => {
  const { control } = stack.invokeai;
  await control.holdStep({ item: 1, step: "saved" });
  const { stepId } = await requestStep({ seed: 180, batch_size: 2 });
  await control.until((state) => state.frozen !== null);
  await cancel(stepId);
  const step = await gallery.stepIs(stepId, ended);
  expect(step.status).toBe("completed");
  await gallery.allRetrieved(stepId, 2);
  const run = stack.temporal.workflow.getHandle(generationStepId(stepId));
  await until(
    "a completed run",
    async () => (await run.describe()).searchAttributes.GalleryStatus?.[0] === "completed",
  );
}, 90_000);

test("abandoning a session cancels its running and its waiting steps, and ends its run", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const { stepId, sessionId } = await requestStep({ seed: 190, batch_size: 2 });
  await control.until((state) => state.frozen !== null);
  const next = await gallery.requestStep(sessionId, { parameters: { seed: 195, batch_size: 1 } });
  await gallery.patch(`/generation/sessions/${sessionId}`, { status: "abandoned" });
  await gallery.stepIs(stepId, ["cancelled"]);
  await gallery.stepIs(next.id, ["cancelled"]);
  expect(sentFor(await control.state(), next.id)).toEqual([]);
  const run = stack.temporal.workflow.getHandle(generationSessionId(sessionId));
  await until(
    "the end of the session's run",
    async () => (await run.describe()).status.name === "COMPLETED",
  );
  // Cancelled by the end of the session alone, not by a later reconcile.
  const { events } = await run.fetchHistory();
  const signals = events?.map((event) => event.workflowExecutionSignaledEventAttributes);
  expect(signals?.map((signal) => signal?.signalName)).not.toContain("stepCancelled");
}, 90_000);
