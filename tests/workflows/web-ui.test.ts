import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { WorkflowFailedError } from "@temporalio/client";
import { temporal as protobuf } from "@temporalio/proto";
import { generationSessionId } from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { photoRetrievalId } from "#workflows/photo-retrieval/contract";
import { queues } from "#workflows/task-queues";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

const runpodKey = "rpa_marker_of_a_key";

const { stack, gallery } = await startGallery({
  // Longer than the test holds a download.
  env: { RUNPOD_API_KEY: runpodKey, INVOKEAI_READ_TIMEOUT: "8" },
});

afterEach(() => stack.calmInvokeAi());
afterAll(() => stack.stop(), 30_000);

/** What the web UI shows of a run: search attributes, current details and summary. */
async function readPage(workflowId: string) {
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
    const seen = await readPage(workflowId).catch(() => undefined);
    return seen?.status === status && seen.details.includes(words) && seen;
  });

async function requestStep(more: object = {}): Promise<{ stepId: string; sessionId: string }> {
  const session = await gallery.createSession();
  const step = await gallery.requestStep(session.id, more);
  return { stepId: step.id, sessionId: session.id };
}

describe("the Temporal web UI shows in words", () => {
  test("that a step waits, generates, fetches its images and is completed, and its session", async () => {
    const { control } = stack.invokeai;
    await control.holdStep({ item: 0, step: 1 });
    const first = await requestStep({ parameters: { batch_size: 1, seed: 100 } });
    await control.until((state) => state.frozen !== null);
    const { stepId, sessionId } = await requestStep({ parameters: { batch_size: 2, seed: 200 } });
    const run = generationStepId(stepId);
    const waiting = await shows(run, "waiting", "Position 1 in the line. Another step is being");
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

    await control.clearFaults();
    await shows(run, "completed", "Finished: 2 images.");
    await shows(generationSessionId(sessionId), "waiting", "Waiting for the next step");
    await shows("invokeai-backend", "ready", "0 steps waiting.");
    await gallery.stepIs(first.stepId, ["completed"]);
  }, 90_000);

  test("that an image is fetched again, and that it is stored", async () => {
    const { control } = stack.invokeai;
    await control.addFault({ kind: "status_502_html", route: "imageFull", times: 1 });
    const { stepId, sessionId } = await requestStep({ parameters: { batch_size: 1, seed: 250 } });
    await control.until(({ requests }) => (requests.imageFull ?? 0) > 0);
    await control.addFault({ kind: "request_held", route: "imageFull" });
    const [item] = await until("a photo", async () => {
      const photos = await gallery.photosOf(stepId);
      return photos.length > 0 && photos;
    });
    const run = photoRetrievalId(item?.image_id);
    const seen = await shows(run, "retrieving", "Fetching the image");
    expect(seen).toMatchObject({ entity: item?.image_id, session: sessionId });
    await gallery.stepIs(stepId, ["completed"]);
    await control.clearFaults();
    await shows(run, "completed", "The image is here.");
  }, 90_000);

  test("that a step was cancelled, and how many images are kept", async () => {
    const { control } = stack.invokeai;
    await control.holdStep({ item: 1, step: 1 });
    // A new seed: the simulator returns known images from its cache, without steps to hold.
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

  test("that InvokeAI is paused or away while a step runs and another waits, in the same words as the api", async () => {
    const { control } = stack.invokeai;
    const own = async (stepId: string): Promise<string> =>
      (await gallery.get(`/generation/steps/${stepId}`)).progress_message ?? "";
    const bothSay = async (stepId: string, status: string, words: string) => {
      await shows(generationStepId(stepId), status, words);
      await until(`"${words}" in the api`, async () => (await own(stepId)).includes(words));
    };
    await control.addFault({ kind: "processor_paused" });
    const running = await requestStep({ parameters: { batch_size: 1, seed: 400 } });
    await bothSay(running.stepId, "generating", "InvokeAI is paused; resume its queue there.");
    const waiting = await requestStep({ parameters: { batch_size: 1, seed: 500 } });
    await bothSay(waiting.stepId, "waiting", "InvokeAI is paused; resume its queue there.");
    await shows("invokeai-backend", "ready", "InvokeAI is paused");
    expect((await gallery.get("/backend/status")).queue).toMatchObject({ paused: true });

    await control.addFault({ kind: "unreachable", route: "any" });
    await bothSay(running.stepId, "generating", "InvokeAI cannot be reached.");
    // A waiting run sleeps: its details are those of its last request, so only the api has the new reason.
    await until("the reason in the api", async () =>
      (await own(waiting.stepId)).includes("InvokeAI does not answer"),
    );
    await shows("invokeai-backend", "unreachable", "InvokeAI does not answer");
    expect(await gallery.get("/backend/status")).toMatchObject({ connected: false });

    await control.clearFaults();
    for (const { stepId } of [running, waiting]) await gallery.stepIs(stepId, ["completed"]);
    expect((await gallery.get("/backend/status")).queue).toMatchObject({ paused: false });
  }, 90_000);

  test("the title of a session in at most 60 characters, and the purpose of the backend's run", async () => {
    const title = `Evening at the harbour ${"🌊".repeat(40)}`;
    const { id } = await gallery.post("/generation/sessions", { entry_type: "scratch", title });
    const { details } = await shows(generationSessionId(id), "waiting", "Evening at the harbour");
    const shown = details.slice(0, details.indexOf(": Waiting for the next step"));
    expect(title.startsWith(shown)).toBe(true);
    expect(shown.length).toBeLessThanOrEqual(60);
    expect(shown.isWellFormed()).toBe(true);
    await gallery.patch(`/generation/sessions/${id}`, { status: "completed" });
    await shows(generationSessionId(id), "closed", "Evening at the harbour");
    expect((await readPage("invokeai-backend")).summary).toBe(
      "InvokeAI: its state and the line for it",
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

/** Every history of the namespace as bytes; texts are unencoded in them. */
async function readAllHistories(): Promise<{ workflowId: string; bytes: Buffer }[]> {
  const histories: { workflowId: string; bytes: Buffer }[] = [];
  for await (const { workflowId, runId } of stack.temporal.workflow.list()) {
    const run = stack.temporal.workflow.getHandle(workflowId, runId);
    const history = protobuf.api.history.v1.History.encode(await run.fetchHistory()).finish();
    histories.push({ workflowId, bytes: Buffer.from(history) });
  }
  return histories;
}

test("no history contains a prompt beyond its first 60 characters, a negative prompt, an address, a key or a picture; a step's history stays below 100 KB", async () => {
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
  // An unknown error is retried.
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
  // Proves that the search finds a text that is there.
  expect(holding(head.slice(0, 60))).toEqual(expect.arrayContaining(runs.slice(0, 2)));
  for (const text of [
    head,
    "marker-of",
    "://",
    new URL(stack.invokeai.url).host,
    runpodKey,
    stack.dataDir,
    // Pictures and previews: the first bytes of a PNG, raw and in base64.
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

test("a failed statement appears in the history with an error code, without its text", async () => {
  const { sql } = stack.database;
  await sql`alter table photos rename to photos_elsewhere`;
  try {
    const failure = await stack.temporal.workflow
      .execute("sweepFiles", { taskQueue: queues.main, workflowId: "sweep-without-photos" })
      .catch((error: unknown) => error);
    const cause = failure instanceof WorkflowFailedError ? failure.cause?.cause : failure;
    expect(cause).toMatchObject({ type: "server_error" });
    expect(String(cause)).toContain("An unexpected error occurred");
  } finally {
    await sql`alter table photos_elsewhere rename to photos`;
  }
}, 60_000);
