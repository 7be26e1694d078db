import { afterAll, beforeAll, expect, test } from "bun:test";
import { saveSettings } from "#db/queries/installation/settings";
import { requestPodStart, requestPodStop } from "#db/queries/pods/requests";
import { findPodSession, listPodSessions } from "#db/queries/pods/sessions";
import { sumWork } from "#db/queries/pods/work";
import type { PodSession, PodStatus } from "#db/schema/pod-sessions";
import { wakeBackend } from "#tests/support/wake-backend";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

let started: Awaited<ReturnType<typeof startGallery>>;

beforeAll(async () => {
  started = await startGallery({ runpod: {} });
  await saveSettings(started.stack.database.db, {
    change: {
      "backend.mode": "remote",
      "backend.models": ["Lykon/dreamshaper-8"],
      "backend.idle_timeout_minutes": 1,
    },
    now: new Date(),
  });
}, 90_000);
afterAll(() => started.stack.stop(), 30_000);

function sessionIs(id: string, statuses: PodStatus[], timeoutMs = 60_000): Promise<PodSession> {
  const { db } = started.stack.database;
  let seen: PodSession | undefined;
  return until(
    `a pod that is ${statuses.join(" or ")}`,
    async () => {
      seen = await findPodSession(db, id);
      return seen && statuses.includes(seen.status) ? seen : undefined;
    },
    timeoutMs,
    () => JSON.stringify(seen),
  );
}

test("a pod that the owner starts gets its models, and ends when the owner stops it", async () => {
  const { stack } = started;
  const { db } = stack.database;
  const id = crypto.randomUUID();
  await requestPodStart(db, { id, volumeId: null, diskGb: 40, now: new Date() });
  await wakeBackend(started.stack);
  await sessionIs(id, ["ready"]);
  await requestPodStop(db, { now: new Date() });
  await wakeBackend(started.stack);
  const ended = await sessionIs(id, ["ended", "failed"]);
  expect(ended).toMatchObject({ status: "ended", endReason: "stopped" });
  expect(await stack.runpod.control.livingPods()).toEqual([]);
  const logged = await until("the log of its life", () => {
    const lines = started.worker.output().split("\n");
    const entries = lines.flatMap((line) => (line.includes(id) ? [JSON.parse(line)] : []));
    return entries.length >= 3 && entries;
  });
  const { podId, podName, gpuType } = ended;
  expect(logged).toMatchObject([
    { msg: "pod made", podSessionId: id, podId, podName, gpuType },
    { msg: "pod ready", podSessionId: id, podId },
    { msg: "pod session ended", podSessionId: id, podId, reason: "stopped" },
  ]);
  expect(logged[2].costUsd * 1e6).toBeCloseTo(ended.costMicros!, 3);
}, 90_000);

test("a step rents a pod; its images are fetched, its cost is on them, and the pod ends when it is idle", async () => {
  const { stack, gallery } = started;
  const { db } = stack.database;
  const session = await gallery.createSession();
  const { id: stepId } = await gallery.requestStep(session.id);
  const step = await gallery.stepIs(stepId, ["completed", "failed"]);
  expect(step).toMatchObject({ status: "completed", images_failed: 0 });
  await gallery.allRetrieved(stepId, 4);

  const [newest] = await listPodSessions(db, { limit: 1 });
  const ended = await sessionIs(newest!.id, ["ended", "failed"], 120_000);
  expect(ended).toMatchObject({ status: "ended", endReason: "idle", rateIsEstimate: false });

  const { pods } = await stack.runpod.control.state();
  expect(pods).toHaveLength(2);
  const pod = pods.find(({ id }) => id === ended.podId)!;
  expect(pod.endedAt).not.toBeNull();
  expect(ended.madeAt!.getTime()).toBeLessThanOrEqual(pod.realCreatedAt);
  expect(ended.endedAt!.getTime()).toBeGreaterThanOrEqual(pod.realEndedAt!);

  const work = (await sumWork(db, [ended.id])).get(ended.id)!;
  const { cost_usd: cost } = await gallery.get(`/generation/steps/${stepId}`);
  expect(Math.round(cost * 1e6)).toBe(work.micros);
  expect(work.micros).toBeGreaterThan(0);
  expect(work.micros).toBeLessThanOrEqual(ended.costMicros!);
  const photos = await gallery.photosOf(stepId);
  const shares = await Promise.all(
    photos.map(async ({ image_id: id }) =>
      Math.round((await gallery.get(`/photos/${id}`)).cost_usd * 1e6),
    ),
  );
  expect(shares.reduce((sum, share) => sum + share, 0)).toBe(work.micros);
}, 180_000);
