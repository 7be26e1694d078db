import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { temporal as protobuf } from "@temporalio/proto";
import { generationSessionId } from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { photoRetrievalId } from "#workflows/photo-retrieval/contract";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

const runpodKey = "rpa_marker_of_a_key";

const { stack, gallery } = await startGallery({
  // A download that is held must not run into its time-out meanwhile.
  env: { RUNPOD_API_KEY: runpodKey, INVOKEAI_READ_TIMEOUT: "8" },
});

afterEach(() => stack.calmInvokeAi());
afterAll(() => stack.stop(), 30_000);

/** What the page of a run shows: the word to search by and the sentence. */
async function lookAt(workflowId: string) {
  const run = stack.temporal.workflow.getHandle(workflowId);
  const [{ searchAttributes, staticSummary }, metadata] = await Promise.all([
    run.describe(),
    run.query<{ currentDetails?: string }>("__temporal_workflow_metadata"),
  ]);
  return {
    status: searchAttributes.GalleryStatus?.[0],
    entity: searchAttributes.GalleryEntity?.[0],
    session: searchAttributes.GallerySession?.[0],
    details: metadata.currentDetails ?? "",
    summary: await staticSummary(),
  };
}

const shows = (workflowId: string, status: string, words: string) =>
  until(`${workflowId} to show "${words}"`, async () => {
    const seen = await lookAt(workflowId).catch(() => undefined);
    return seen?.status === status && seen.details.includes(words) && seen;
  });

async function requestStep(more: object = {}): Promise<{ stepId: string; sessionId: string }> {
  const session = await gallery.createSession();
  const step = await gallery.requestStep(session.id, more);
  return { stepId: step.id, sessionId: session.id };
}

describe("the Temporal web UI tells in words", () => {
  test("that a step waits, generates, has its images fetched and is completed; and of which session it is", async () => {
    const { control } = stack.invokeai;
    await control.holdStep({ item: 0, step: 1 });
    const first = await requestStep({ parameters: { batch_size: 1, seed: 100 } });
    await control.until((state) => state.frozen !== null);
    const { stepId, sessionId } = await requestStep({ parameters: { batch_size: 2, seed: 200 } });
    const run = generationStepId(stepId);
    const waiting = await shows(run, "waiting", "Place 1 in the line. Another step is being");
    expect(waiting).toMatchObject({
      entity: stepId,
      session: sessionId,
      summary: "a lighthouse at dusk",
    });

    await control.holdStep({ item: 1, step: 1 });
    await control.addFault({ kind: "request_held", route: "imageFull" });
    await control.release();
    await shows(run, "generating", "InvokeAI generates: 1 of 2 images made.");
    await shows(generationSessionId(sessionId), "generating", "a lighthouse at dusk");
    await control.release();
    await shows(run, "retrieving", "Generated; the images are being fetched.");
    // The release let the first image through; the second one is held.
    const [, item] = await gallery.photosOf(stepId);
    await shows(photoRetrievalId(item?.image_id), "retrieving", "Fetching the image");

    await control.clearFaults();
    await shows(run, "completed", "Finished: 2 images.");
    await shows(photoRetrievalId(item?.image_id), "completed", "The image is here.");
    await shows(generationSessionId(sessionId), "waiting", "Waiting for the next step");
    await shows("invokeai-backend", "ready", "0 steps waiting.");
    await gallery.stepIs(first.stepId, ["completed"]);
  }, 90_000);

  test("that a step was cancelled, and what is kept", async () => {
    const { control } = stack.invokeai;
    await control.holdStep({ item: 1, step: 1 });
    // A seed of its own: what the simulator has drawn before comes from its cache, without a step to stop at.
    const { stepId } = await requestStep({ parameters: { seed: 300 } });
    await until("one photo", async () => (await gallery.photosOf(stepId)).length === 1);
    await gallery.post(`/generation/steps/${stepId}/cancel`);
    await shows(generationStepId(stepId), "cancelled", "Cancelled; 1 finished image kept.");
  }, 90_000);

  test("that a step failed, and what to do", async () => {
    await stack.invokeai.control.addFault({
      kind: "item_failure",
      errorType: "OutOfMemoryError",
      errorMessage: "CUDA out of memory",
    });
    const { stepId } = await requestStep({ parameters: { batch_size: 1 } });
    await shows(
      generationStepId(stepId),
      "failed",
      "InvokeAI ran out of memory. Choose a smaller size",
    );
  }, 90_000);

  test("that InvokeAI is away", async () => {
    await stack.invokeai.control.addFault({ kind: "unreachable", route: "any" });
    await shows("invokeai-backend", "unreachable", "InvokeAI does not answer");
    const { stepId } = await requestStep({ parameters: { batch_size: 1 } });
    await shows(generationStepId(stepId), "waiting", "InvokeAI does not answer");
    await stack.invokeai.control.clearFaults();
    await gallery.stepIs(stepId, ["completed"]);
  }, 90_000);
});

/** Every history of the namespace, as bytes in which texts stand as they are. */
async function readAllHistories(): Promise<{ workflowId: string; bytes: Buffer }[]> {
  const histories: { workflowId: string; bytes: Buffer }[] = [];
  for await (const { workflowId, runId } of stack.temporal.workflow.list()) {
    const run = stack.temporal.workflow.getHandle(workflowId, runId);
    const history = protobuf.api.history.v1.History.encode(await run.fetchHistory()).finish();
    histories.push({ workflowId, bytes: Buffer.from(history) });
  }
  return histories;
}

test("no history holds a prompt beyond its first 60 characters, a negative prompt, an address, a key or a picture; a step's stays below 100 KB", async () => {
  const { control } = stack.invokeai;
  const head = "sixty characters of a prompt may be read in the web UI and so";
  await control.addFault({ kind: "status_502_html", route: "enqueueBatch", times: 1 });
  await control.addFault({ kind: "unreachable", route: "imageFull", times: 1 });
  await control.addFault({
    kind: "item_failure",
    item: 1,
    errorType: "RuntimeError",
    errorMessage: "marker-of-invokeais-own-words",
  });
  const { stepId, sessionId } = await requestStep({
    prompt: `${head} marker-of-the-rest`,
    negative_prompt: "marker-of-the-negative",
    parameters: { batch_size: 2 },
  });
  await gallery.stepIs(stepId, ["completed"]);
  // An error that nobody knows is worth another try.
  await gallery.allRetrieved(stepId, 2);
  await gallery.patch(`/generation/sessions/${sessionId}`, { status: "completed" });
  const [item] = await gallery.photosOf(stepId);
  const runs = [
    generationSessionId(sessionId),
    generationStepId(stepId),
    photoRetrievalId(item?.image_id),
  ];
  const histories = await until("every run to be listed", async () => {
    const all = await readAllHistories();
    const seen = new Set(all.map(({ workflowId }) => workflowId));
    return runs.every((id) => seen.has(id)) && seen.has("invokeai-backend") && all;
  });

  const holding = (text: string) =>
    histories.filter(({ bytes }) => bytes.includes(text)).map(({ workflowId }) => workflowId);
  // That a text would be found, were it there.
  expect(holding(head.slice(0, 60))).toEqual(expect.arrayContaining(runs.slice(0, 2)));
  for (const text of [
    head,
    "marker-of",
    "://",
    new URL(stack.invokeai.url).host,
    runpodKey,
    stack.dataDir,
    // Pictures and previews: as a PNG begins, and as the same begins in base64.
    "PNG\r\n",
    "iVBORw0KGgo",
    "data:image",
  ]) {
    expect({ text, heldBy: holding(text) }).toEqual({ text, heldBy: [] });
  }
  const ofSteps = histories.filter(({ workflowId }) => workflowId.startsWith(generationStepId("")));
  expect(ofSteps.length).toBeGreaterThan(0);
  for (const { bytes } of ofSteps) expect(bytes.length).toBeLessThan(100_000);
}, 120_000);
