import { afterEach, expect, test } from "bun:test";
import { required } from "#tests/support/environment";
import type { GalleryClient } from "#tests/support/gallery";
import { listFiles } from "#tests/support/library";
import { startTcpProxy } from "#tests/support/tcp-proxy";
import { startGallery } from "#tests/support/running-gallery";
import { askedSeeds } from "#tests/support/seeds";
import type { Stack } from "#tests/support/stack";
import { startTemporalServer } from "#tests/support/temporal-server";
import { until } from "#tests/support/wait";
import { smallPng } from "#tests/support/png";

const open: { stop(): Promise<unknown> }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.stop();
}, 60_000);

function remember<T extends { stop(): Promise<unknown> }>(started: T): T {
  open.push(started);
  return started;
}

async function expectEachImageOnce(
  stack: Stack,
  gallery: GalleryClient,
  stepId: string,
): Promise<void> {
  const step = await gallery.stepIs(stepId, ["completed", "failed", "cancelled"], 90_000);
  expect(step.status).toBe("completed");
  await gallery.allRetrieved(stepId, 4);
  const simulator = await stack.invokeai.control.state();
  expect(askedSeeds(simulator)).toEqual([100, 101, 102, 103]);
  expect(await listFiles(stack.dataDir, "generated")).toHaveLength(4);
}

test("Temporal away: reads and uploads work; a step requested now answers 202 and runs, once, when Temporal is back, without restart of the api", async () => {
  const temporal = remember(await startTemporalServer());
  const { stack, gallery } = await startGallery({
    temporalAddress: temporal.address,
    timings: { reconcileEveryMs: 2_000 },
  });
  remember(stack);
  const session = await gallery.createSession();
  await gallery.requestStep(session.id).then((step) => gallery.stepIs(step.id, ["completed"]));
  await temporal.kill();

  expect((await gallery.get("/photos")).items).toHaveLength(4);
  expect(await gallery.upload(await smallPng())).toMatchObject({ is_generated: false });
  const send = () =>
    gallery.requestStep(session.id, { parameters: { seed: 200 } }, { "idempotency-key": "away" });
  const [first, second, third] = [await send(), await send(), await send()];
  expect(first.status).toBe("pending");
  expect(first.progress_message).toContain("workflow service");
  expect([second.id, third.id]).toEqual([first.id, first.id]);

  await temporal.start();
  // Started by the next scheduled reconcile, without a restart of api or worker.
  await gallery.stepIs(first.id, ["completed"], 90_000);
  expect(askedSeeds(await stack.invokeai.control.state())).toEqual([
    100, 101, 102, 103, 200, 201, 202, 203,
  ]);
  expect((await gallery.get(`/generation/sessions/${session.id}/steps`)).items).toHaveLength(2);
}, 180_000);

test("Temporal's database deleted in mid-step: after restart the step finishes, one enqueue per slot", async () => {
  const temporal = remember(await startTemporalServer());
  const { stack, worker, gallery } = await startGallery({ temporalAddress: temporal.address });
  remember(stack);
  const { control } = stack.invokeai;
  const session = await gallery.createSession();
  const held = await control.holdStep({ item: 1, step: 1 });
  const step = await gallery.requestStep(session.id);
  await control.until((state) => state.frozen !== null);
  expect(await control.struck(held)).toBe(1);
  await temporal.kill();
  await worker.kill();
  await temporal.deleteDatabase();
  await temporal.start();
  await control.release();
  await stack.startWorker();
  await expectEachImageOnce(stack, gallery, step.id);
}, 180_000);

test("Postgres away for 20 s during a step: requests get 503 database_unavailable within 5 s, the step finishes afterwards, once", async () => {
  const target = new URL(required("TEST_DATABASE_URL"));
  const proxy = remember(await startTcpProxy({ host: target.hostname, port: Number(target.port) }));
  const { stack, gallery } = await startGallery({ databaseUrl: proxy.through });
  remember(stack);
  const { control } = stack.invokeai;
  const session = await gallery.createSession();
  await control.holdStep({ item: 1, step: 1 });
  const step = await gallery.requestStep(session.id);
  await control.until((state) => state.frozen !== null);
  proxy.cut();
  const awayUntil = Date.now() + 20_000;
  await control.release();
  await until("the end of the outage", async () => {
    const sentAt = Date.now();
    const response = await fetch(`${gallery.url}/api/v1/photos`);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).not.toBeNull();
    expect((await response.json()).error.code).toBe("database_unavailable");
    expect(Date.now() - sentAt).toBeLessThan(10_000);
    return Date.now() > awayUntil;
  });
  expect(proxy.refused()).toBeGreaterThan(0);
  proxy.restore();
  await expectEachImageOnce(stack, gallery, step.id);
}, 180_000);
