import { afterAll, beforeAll, expect, test } from "bun:test";
import { findBackend } from "#db/queries/backends/backends";
import { saveSettings } from "#db/queries/installation/settings";
import { requestPodStart } from "#db/queries/pods/requests";
import { findLivePodSession, listPodSessions } from "#db/queries/pods/sessions";
import { podSessions } from "#db/schema/pod-sessions";
import type { SettingValues } from "#db/settings";
import { wakeBackend } from "#tests/support/wake-backend";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

let started: Awaited<ReturnType<typeof startGallery>>;

const defaults: Partial<SettingValues> = {
  "backend.mode": "remote",
  "backend.models": ["Lykon/dreamshaper-8"],
  "backend.max_session_cost_usd": 5,
};

const set = (change: Partial<SettingValues>) =>
  saveSettings(started.stack.database.db, { change, now: new Date() });

beforeAll(async () => {
  started = await startGallery({ runpod: { stepDelayMs: 40 } });
  await set(defaults);
  const { db } = started.stack.database;
  await requestPodStart(db, {
    id: crypto.randomUUID(),
    volumeId: null,
    diskGb: 40,
    now: new Date(),
  });
  await wakeBackend(started.stack);
  await until("turns at the pod", async () => {
    const { inForce, ready } =
      (await findBackend(db, (await findLivePodSession(db))?.place ?? "")) ?? {};
    return inForce && ready;
  });
}, 120_000);
afterAll(() => started.stack.stop(), 30_000);

/** Other seeds for each step: what InvokeAI has cached is made at once. */
let seed = 1_000;

/** A step of ten images that stands still at the fourth, the others before it made. */
async function beginStep(): Promise<string> {
  const { gallery, stack } = started;
  const invokeai = await stack.runpod.control.invokeAi(await livePod());
  await invokeai.holdStep({ item: 4, step: 1 });
  const session = await gallery.createSession();
  seed += 100;
  const { id } = await gallery.requestStep(session.id, {
    parameters: { batch_size: 10, steps: 10, seed },
  });
  await until("two images", async () => (await gallery.photosOf(id)).length >= 2);
  return id;
}

/** Waits until requests mean this place. */
const meansPlace = (place: string) =>
  until(`${place} in force`, async () => {
    await wakeBackend(started.stack);
    return (await findBackend(started.stack.database.db, place))?.inForce;
  });

async function livePod(): Promise<string> {
  const session = await findLivePodSession(started.stack.database.db);
  if (!session?.podId) throw new Error("no pod");
  return session.podId;
}

const isQuiet = () =>
  until("no pod", async () => (await started.stack.runpod.control.livingPods()).length === 0);

test("a budget that is reached in the middle of ten images: those made are here, no other is made, the pod is gone, and a retry makes the rest", async () => {
  const { stack, gallery } = started;
  const stepId = await beginStep();
  await set({ "backend.max_session_cost_usd": 0.000_01 });
  await wakeBackend(started.stack);
  const failed = await gallery.stepIs(stepId, ["completed", "failed"], 90_000);
  expect(failed).toMatchObject({ status: "failed", error: { code: "pod_error" } });
  expect(failed.error.message).toContain("its budget is used");
  await isQuiet();
  const made = (await gallery.photosOf(stepId)).length;
  expect(made).toBeGreaterThanOrEqual(2);
  expect(made).toBeLessThan(10);
  await gallery.allRetrieved(stepId, made);

  await set(defaults);
  await gallery.post(`/generation/steps/${stepId}/retry`);
  await gallery.stepIs(stepId, ["completed"], 90_000);
  await gallery.allRetrieved(stepId, 10);
  const sessions = await listPodSessions(stack.database.db, { limit: 10 });
  expect(sessions).toHaveLength(2);
  const photos = await stack.database.sql`select distinct seed from slots
    where step_id = ${stepId} and status = 'filled'`;
  expect(photos).toHaveLength(10);
}, 240_000);

test("a pod that is evicted in the middle of a step is replaced, and only the missing images are made again", async () => {
  const { stack, gallery } = started;
  const stepId = await beginStep();
  await until("two images that are fetched", async () => {
    const photos = await gallery.photosOf(stepId);
    return photos.filter((photo) => photo.retrieval_status === "completed").length >= 2;
  });
  const podId = await livePod();
  await stack.runpod.control.strikePod(podId, "vanish");
  await gallery.stepIs(stepId, ["completed"], 120_000);
  await gallery.allRetrieved(stepId, 10);
  expect(await livePod()).not.toBe(podId);
  const ended = (await stack.database.db.select().from(podSessions)).find(
    (session) => session.podId === podId,
  );
  expect(ended).toMatchObject({ status: "ended", endReason: "lost" });
}, 240_000);

test("a worker that is killed while it rents a pod leaves one pod, which the next worker uses", async () => {
  const { stack, gallery } = started;
  await set({ "backend.mode": "local" });
  await meansPlace("local");
  await isQuiet();
  await until("an end", async () => !(await findLivePodSession(stack.database.db)));
  const before = (await stack.runpod.control.state()).pods.length;
  await set({ "backend.mode": "remote" });
  await meansPlace("remote");
  const { control } = stack.runpod;
  await control.addFault({ kind: "answer_held", route: "createPod", times: 1 });
  const session = await gallery.createSession();
  const { id: stepId } = await gallery.requestStep(session.id);
  await wakeBackend(started.stack);
  await control.until(({ held }) => held.length === 1);
  await started.worker.kill();
  await control.release();
  await stack.startWorker();
  await gallery.stepIs(stepId, ["completed"], 120_000);
  expect((await control.state()).pods).toHaveLength(before + 1);
}, 240_000);
