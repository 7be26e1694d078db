import { afterAll, afterEach, beforeEach, expect, test } from "bun:test";
import { type RunpodSimulator, startRunpodSimulator, simulatedKey } from "#simulators/runpod/start";
import { createGalleryClient, type GalleryClient } from "#tests/support/gallery";
import { createUps, processesOf } from "#tests/support/up";
import { until } from "#tests/support/wait";

const { preparedFolder, startUp, stop } = createUps();
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const timeline = { provisioningMs: 100, startingMs: 100, runtimeMs: 100, terminatingMs: 100 };

let runpod: RunpodSimulator;
beforeEach(async () => {
  runpod = await startRunpodSimulator({ timeline });
});
afterEach(() => runpod.stop(), 30_000);
afterAll(stop, 60_000);

/** Api, worker, Temporal and Postgres, in the mode `remote`. */
async function startAll(): Promise<{ folder: string; gallery: GalleryClient }> {
  const folder = await preparedFolder();
  const up = startUp(["--port", "0", "--data", folder], {
    RUNPOD_API_KEY: simulatedKey,
    RUNPOD_API_URL: runpod.url,
    RUNPOD_PROXY_URL: runpod.proxyUrl,
  });
  await up.isUp();
  const [, url = ""] = /API +(http:\/\/127\.0\.0\.1:\d+)\//.exec(up.output()) ?? [];
  const gallery = createGalleryClient(url);
  await gallery.post("/backend/mode", { mode: "remote" });
  return { folder, gallery };
}

/** Kills every process of the gallery, those that would restart others as well. */
const killAll = (folder: string) =>
  until("nothing that runs", async () => {
    const parts = await processesOf(folder);
    for (const { pid } of parts) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
    return parts.length === 0;
  });

test("everything is killed with a pod ready and stays dead: the pod ends by itself within the idle time and 11 minutes", async () => {
  const { control } = runpod;
  const { folder, gallery } = await startAll();
  await gallery.post("/backend/pod/start");
  const { pod } = await until(
    "a pod that is ready",
    async () => {
      const status = await gallery.get("/backend/status");
      return status.pod?.status === "ready" && status;
    },
    90_000,
  );
  const { idle_timeout_minutes: idleMinutes } = (await gallery.get("/settings")).backend;
  expect(idleMinutes).toBe(30);
  await killAll(folder);
  const { now: killedAt } = await control.state();
  await control.advance((idleMinutes + 10) * minuteMs);
  const { pods } = await control.until((state) => state.pods.every(({ endedAt }) => endedAt));
  expect(pods).toMatchObject([{ id: pod.id, endedBy: "pod" }]);
  expect(pods[0]!.endedAt! - killedAt).toBeLessThanOrEqual((idleMinutes + 11) * minuteMs);
}, 180_000);

test("the known gap: a pod whose container never starts has no guard, and bills on until the credit is used", async () => {
  const { control } = runpod;
  await control.addFault({ kind: "container_never_starts" });
  const { folder, gallery } = await startAll();
  await gallery.post("/backend/pod/start");
  await control.until(({ pods }) => pods[0]?.status === "RUNNING");
  await killAll(folder);
  await control.advance(24 * hourMs);
  const [pod] = await control.livingPods();
  expect(pod).toMatchObject({ containerStarts: 0, status: "RUNNING" });
  expect(pod!.seconds).toBeGreaterThanOrEqual(24 * 3_600);

  // Without auto-pay, the credit is the last bound.
  await control.setBalance(1);
  await control.advance(24 * hourMs);
  const [stopped] = await control.livingPods();
  expect(stopped!.status).toBe("EXITED");
  expect(stopped!.totalUsd - pod!.totalUsd).toBeLessThan(1.01);
}, 180_000);
