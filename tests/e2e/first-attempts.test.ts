import { afterAll, afterEach, expect, test } from "bun:test";
import type { SimulatorState } from "#simulators/invokeai/control";
import { photoRetrievalId } from "#workflows/photo-retrieval/contract";
import { queues } from "#workflows/task-queues";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

// Longer than the tests hold a download.
const { stack, gallery } = await startGallery({ env: { INVOKEAI_READ_TIMEOUT: "20" } });

afterEach(() => stack.calmInvokeAi());
afterAll(() => stack.stop(), 30_000);

async function requestStep(seed: number): Promise<string> {
  const session = await gallery.createSession();
  return (await gallery.requestStep(session.id, { parameters: { seed, batch_size: 1 } })).id;
}

const heldDownloads = ({ held }: SimulatorState) =>
  held.filter(({ route }) => route === "imageFull").length;

const runOf = (photoId: string) => stack.temporal.workflow.getHandle(photoRetrievalId(photoId));
const hasRun = (photoId: string) =>
  runOf(photoId)
    .describe()
    .then(
      () => true,
      () => false,
    );

async function reconcile(): Promise<void> {
  const run = await stack.temporal.workflow.start("reconcile", {
    workflowId: `reconcile-${crypto.randomUUID()}`,
    taskQueue: queues.main,
    args: [],
  });
  await run.result();
}

test("a retry requested while the step fetches the image does not fetch it a second time", async () => {
  const { control } = stack.invokeai;
  await control.addFault({ kind: "request_held", route: "imageFull" });
  const stepId = await requestStep(600);
  await control.until((state) => heldDownloads(state) === 1);
  const [item] = await gallery.photosOf(stepId);
  await gallery.post(`/photos/${item?.image_id}/retry`);
  const waiting = await until("the run of the retry", async () => {
    const { raw } = await runOf(item?.image_id).describe();
    return (raw.pendingActivities ?? []).length > 0 && raw;
  });
  expect(waiting.pendingActivities?.[0]?.activityType?.name).toBe("retrieveImage");
  expect(heldDownloads(await control.state())).toBe(1);
  await control.clearFaults();
  await gallery.stepIs(stepId, ["completed"]);
  await gallery.allRetrieved(stepId, 1);
  await runOf(item?.image_id).result();
  const { downloads } = await control.state();
  expect(downloads.filter(({ imageName }) => imageName === item?.photo.invoke_id)).toHaveLength(1);
}, 90_000);

test("a retry requested while the step's attempt is about to fail is made at once", async () => {
  const { control } = stack.invokeai;
  await control.addFault({ kind: "request_held", route: "imageFull", times: 1 });
  const stepId = await requestStep(610);
  await control.until((state) => heldDownloads(state) === 1);
  const [item] = await gallery.photosOf(stepId);
  await gallery.post(`/photos/${item?.image_id}/retry`);
  await until("the run of the retry", () => hasRun(item?.image_id));
  await control.addFault({ kind: "status_500_json", route: "imageFull", times: 1 });
  await control.release();
  await gallery.stepIs(stepId, ["completed"]);
  await gallery.allRetrieved(stepId, 1);
}, 90_000);

test("a step that fetches its images holds no turn, and reconcile starts no second fetch", async () => {
  const { control } = stack.invokeai;
  await control.addFault({ kind: "request_held", route: "imageFull", times: 1 });
  const fetching = await requestStep(620);
  await control.until((state) => heldDownloads(state) === 1);
  const other = await requestStep(630);
  await gallery.stepIs(other, ["completed"]);
  const [item] = await gallery.photosOf(fetching);
  expect((await gallery.get(`/generation/steps/${fetching}`)).status).toBe("processing");
  await reconcile();
  expect(await hasRun(item?.image_id)).toBe(false);
  await control.clearFaults();
  await gallery.stepIs(fetching, ["completed"]);
  expect(await hasRun(item?.image_id)).toBe(false);
}, 90_000);
