import { afterAll, beforeAll, expect, test } from "bun:test";
import { simulatedKey } from "#simulators/runpod/start";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

let started: Awaited<ReturnType<typeof startGallery>>;
const notices: Record<string, any>[] = [];
const receiver = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: async (request) => {
    notices.push((await request.json()) as Record<string, any>);
    return new Response("");
  },
});

beforeAll(async () => {
  const env = { NOTIFY_URL: `http://127.0.0.1:${receiver.port}/` };
  started = await startGallery({ runpod: {}, env });
}, 90_000);
afterAll(async () => {
  await started.stack.stop();
  await receiver.stop(true);
}, 30_000);

const status = () => started.gallery.get("/backend/status");
const podIs = (wanted: string) =>
  until(`a pod that is ${wanted}`, async () => {
    const { pod } = await status();
    return (pod?.status ?? "none") === wanted ? { pod } : undefined;
  });

test("the owner sees offers, rents a pod, watches it, stops it and finds its cost", async () => {
  const { gallery, stack } = started;
  const { items } = await gallery.get("/backend/offers");
  expect(items.map((item: { gpu_type: string }) => item.gpu_type)).toContain("NVIDIA RTX A5000");
  expect((await gallery.post("/backend/mode", { mode: "remote" })).mode).toBe("remote");
  expect(await stack.runpod.control.livingPods()).toEqual([]);

  await gallery.post("/backend/pod/start");
  const { pod } = await podIs("ready");
  const [living] = await stack.runpod.control.livingPods();
  expect(pod).toMatchObject({ id: living!.id, name: living!.name, gpu: "NVIDIA RTX A5000" });
  // The GPU, and half a cent for the disk.
  expect(pod.hourly_rate_usd).toBeCloseTo(0.295, 3);
  const shown = await until("a connected InvokeAI", async () => {
    const now = await status();
    return now.connected ? now : undefined;
  });
  expect(shown.exposure).toContain("9090");

  const stopped = await gallery.post("/backend/pod/stop");
  expect(stopped.pod_id).toBe(living!.id);
  await podIs("none");
  const sessions = await gallery.get("/backend/pod/sessions");
  expect(sessions.items).toMatchObject([
    { pod_id: living!.id, status: "ended", reason: "stopped" },
  ]);
  const { cost_tracking: costs } = await gallery.get("/settings");
  expect(costs.lifetime_cost).toBe(sessions.items[0].cost_usd);

  await until("both notices", () => notices.length >= 2);
  expect(notices.map(({ event, data }) => [event, data.pod_id])).toEqual([
    ["pod.changed", living!.id],
    ["pod.ended", living!.id],
  ]);
  expect(JSON.stringify([notices, shown, sessions])).not.toContain(simulatedKey);
}, 120_000);

test("a start and a stop are answered while RunPod answers nothing, and one pod is made", async () => {
  const { gallery, stack } = started;
  await stack.runpod.control.addFault({ kind: "request_held", route: "any" });
  const answers = [];
  for (const path of ["start", "start", "stop"]) {
    answers.push((await gallery.post(`/backend/pod/${path}`)).status);
  }
  expect(answers).toEqual(Array(3).fill("creating"));
  await stack.runpod.control.clearFaults();
  await podIs("none");
  expect(await stack.runpod.control.livingPods()).toEqual([]);
}, 120_000);
