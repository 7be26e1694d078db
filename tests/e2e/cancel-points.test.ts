import { afterAll, afterEach, expect, test } from "bun:test";
import type { SimulatorControl } from "#simulators/invokeai/control-client";
import type { SimulatorState } from "#simulators/invokeai/control";
import { generationStepId } from "#workflows/generation-step/contract";
import { smallPng } from "#tests/support/png";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

// The grace period in which a batch may still arrive: longer than a busy machine takes from the POST to the check for it.
const { stack, gallery } = await startGallery({ timings: { enqueueGraceMs: 6_000 } });

afterEach(() => stack.calmInvokeAi());
afterAll(() => stack.stop(), 30_000);

type Point = {
  when: string;
  /** Makes InvokeAI stop at this point. */
  arm: (control: SimulatorControl) => Promise<unknown>;
  isReached: (state: SimulatorState) => boolean;
  /** Runs after the cancel request. */
  afterwards?: (control: SimulatorControl) => Promise<unknown>;
  hasSource?: boolean;
  /** The result for two requested images. */
  ends: "cancelled" | "completed";
  batches: number;
  images: number;
};

/** InvokeAI returns known images from its cache, so each step gets new seeds. */
let used = 0;
const newSeed = () => 1_000 * ++used;

const isHeld = (route: string) => (state: SimulatorState) =>
  state.held.some((held) => held.route === route);

const points: Point[] = [
  {
    when: "while its source is uploaded",
    arm: (control) => control.addFault({ kind: "request_held", route: "uploadImage" }),
    isReached: isHeld("uploadImage"),
    hasSource: true,
    ends: "cancelled",
    batches: 0,
    images: 0,
  },
  {
    when: "while InvokeAI is asked whether its batch exists, before the POST",
    arm: (control) => control.addFault({ kind: "request_held", route: "batchStatus", times: 1 }),
    isReached: isHeld("batchStatus"),
    ends: "cancelled",
    batches: 0,
    images: 0,
  },
  {
    when: "during the POST of its batch, which arrives after the cancel",
    arm: (control) =>
      control.addFault({
        kind: "request_held",
        route: "enqueueBatch",
        times: 1,
        outlivesClient: true,
      }),
    isReached: isHeld("enqueueBatch"),
    afterwards: async (control) => {
      const before = (await control.state()).requests.batchStatus ?? 0;
      // The cancel has checked for the batch and not found it.
      await control.until(({ requests }) => (requests.batchStatus ?? 0) > before + 1);
      await control.holdStep();
      await control.release();
    },
    ends: "cancelled",
    batches: 1,
    images: 0,
  },
  {
    when: "while the answer to its batch is held",
    arm: async (control) => {
      await control.holdStep();
      await control.addFault({ kind: "answer_held", route: "enqueueBatch", times: 1 });
    },
    isReached: (state) => isHeld("enqueueBatch")(state) && state.frozen !== null,
    ends: "cancelled",
    batches: 1,
    images: 0,
  },
  {
    when: "while its first image is generated",
    arm: (control) => control.holdStep({ item: 0, step: 2 }),
    isReached: (state) => state.frozen !== null,
    ends: "cancelled",
    batches: 1,
    images: 0,
  },
  {
    when: "while its second image is generated",
    arm: (control) => control.holdStep({ item: 1, step: 2 }),
    isReached: (state) => state.frozen !== null,
    ends: "cancelled",
    batches: 1,
    images: 1,
  },
  {
    when: "while its images are fetched",
    arm: (control) => control.addFault({ kind: "request_held", route: "imageFull" }),
    isReached: (state) =>
      state.held.filter(({ route }) => route === "imageFull").length === 2 &&
      state.queue.inProgress === 0,
    ends: "completed",
    batches: 1,
    images: 2,
  },
];

test.each(points.map((point) => [point.when, point] as const))(
  "a step cancelled %s ends with the right status, and leaves InvokeAI's queue and the turn free",
  async (_, point) => {
    const { control } = stack.invokeai;
    const source = point.hasSource ? (await gallery.upload(await smallPng()))["id"] : undefined;
    const session = await gallery.createSession();
    const before = await control.state();
    await point.arm(control);
    const { id: stepId } = await gallery.requestStep(session["id"], {
      parameters: { batch_size: 2, seed: newSeed() },
      ...(source && { source_image_id: source }),
    });
    await control.until(point.isReached);
    await gallery.post(`/generation/steps/${stepId}/cancel`);
    await point.afterwards?.(control);
    expect(await gallery.stepIs(stepId, ["completed", "failed", "cancelled"])).toMatchObject({
      status: point.ends,
    });
    await control.clearFaults();
    if (point.images > 0) await gallery.allRetrieved(stepId, point.images);

    const after = await control.until(({ queue }) => queue.pending + queue.inProgress === 0);
    const sent = after.enqueues.filter(({ batchId }) => batchId.startsWith(stepId));
    expect(sent).toHaveLength(point.batches);
    expect(after.generated.length - before.generated.length).toBe(point.images);
    expect(await gallery.photosOf(stepId)).toHaveLength(point.images);
    const run = stack.temporal.workflow.getHandle(generationStepId(stepId));
    await until("its run's end", async () => (await run.describe()).status.name !== "RUNNING");
    const next = await gallery.requestStep(session["id"], {
      parameters: { batch_size: 1, seed: newSeed() },
    });
    await gallery.stepIs(next["id"], ["completed"]);
  },
  60_000,
);

test("a session abandoned during generation with discard_unselected keeps favourites only", async () => {
  const { control } = stack.invokeai;
  await control.holdStep({ item: 2, step: 1 });
  const session = await gallery.createSession();
  const { id: stepId } = await gallery.requestStep(session["id"], {
    parameters: { batch_size: 3, seed: newSeed() },
  });
  await control.until((state) => state.frozen !== null);
  await gallery.allRetrieved(stepId, 2);
  const [kept, discarded] = (await gallery.photosOf(stepId)).map((image) => image["image_id"]);
  await gallery.patch(`/photos/${kept}`, { is_favorite: true });
  await gallery.patch(`/generation/sessions/${session["id"]}`, {
    status: "abandoned",
    discard_unselected: true,
  });
  await gallery.stepIs(stepId, ["cancelled"]);
  await until("the other image in the trash", async () => {
    const { items } = await gallery.get("/photos?trashed=true");
    return items.some((photo: { id: string }) => photo.id === discarded);
  });
  const images = await gallery.photosOf(stepId);
  expect(images.map((image) => image["image_id"])).toEqual([kept]);
}, 60_000);
