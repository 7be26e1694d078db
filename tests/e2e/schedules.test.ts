import { afterAll, afterEach, expect, test } from "bun:test";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

const { stack, gallery, ...first } = await startGallery();
let { worker } = first;

afterEach(() => stack.calmInvokeAi());
afterAll(() => stack.stop(), 30_000);

let seed = 1_000;
const request = async (sessionId: string, more: object = {}): Promise<string> =>
  (
    await gallery.requestStep(sessionId, {
      ...more,
      parameters: { seed: (seed += 10), batch_size: 1 },
    })
  ).id;
const inNewSession = async (more: object = {}) =>
  request((await gallery.createSession())["id"], more);

const sentSteps = async () =>
  (await stack.invokeai.control.state()).enqueues.map(({ batchId }) => batchId.slice(0, 36));

test("a step of priority now goes first, an idle one last, also in one session and after the worker was killed", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const holder = await inNewSession();
  await control.until((state) => state.frozen !== null);
  const { id: sessionId } = await gallery.createSession();
  const idle = await request(sessionId, { priority: "idle" });
  await gallery.positionIs(idle, 1);
  const normal = await inNewSession();
  await gallery.positionIs(normal, 1);
  expect((await gallery.positionIs(idle, 2)).progress_message).toContain("It is idle");
  // The session's run waits for the idle step, which gives way.
  const urgent = await request(sessionId, { priority: "now" });
  await gallery.positionIs(urgent, 1);
  await gallery.positionIs(normal, 2);
  expect(await sentSteps()).toEqual([holder]);
  await worker.kill();
  worker = await stack.startWorker();
  await control.release();
  for (const stepId of [holder, urgent, normal, idle]) await gallery.stepIs(stepId, ["completed"]);
  expect(await sentSteps()).toEqual([holder, urgent, normal, idle]);
}, 120_000);

test("a step that must not start yet does not hold up its session, and starts once it may", async () => {
  const { id: sessionId } = await gallery.createSession();
  const notBefore = new Date(Date.now() + 3_600_000).toISOString();
  const later = await request(sessionId, { not_before: notBefore });
  const sooner = await request(sessionId);
  await gallery.stepIs(sooner, ["completed"]);
  const waiting = await gallery.get(`/generation/steps/${later}`);
  expect([waiting.status, waiting.place_in_line]).toEqual(["pending", undefined]);
  expect(waiting.progress_message).toContain("Not to start before");
  await gallery.patch(`/generation/steps/${later}`, { not_before: null });
  await gallery.stepIs(later, ["completed"]);
}, 90_000);

test("a step in the line whose time is put off leaves it, and starts when its time has come", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const holder = await inNewSession();
  await control.until((state) => state.frozen !== null);
  const moved = await inNewSession();
  await gallery.positionIs(moved, 1);
  const at = Date.now() + 4_000;
  await gallery.patch(`/generation/steps/${moved}`, { not_before: new Date(at).toISOString() });
  await until("out of the line", async () => {
    const step = await gallery.get(`/generation/steps/${moved}`);
    return step.progress_message?.startsWith("Not to start before") && !step.place_in_line;
  });
  await control.release();
  await gallery.stepIs(holder, ["completed"]);
  const done = await gallery.stepIs(moved, ["completed"]);
  expect(Date.parse(done.started_at)).toBeGreaterThanOrEqual(at);
}, 90_000);
