import { afterAll, beforeAll, expect, test } from "bun:test";
import { saveSettings } from "#db/queries/installation/settings";
import { listPodSessions } from "#db/queries/pods/sessions";
import { simulatedKey } from "#simulators/runpod/start";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

let started: Awaited<ReturnType<typeof startGallery>>;
beforeAll(async () => {
  started = await startGallery({ runpod: { stepDelayMs: 40 } });
}, 90_000);
afterAll(() => started.stack.stop(), 30_000);

async function createVolume(): Promise<string> {
  const answer = await fetch(`${started.stack.runpod.url}/v2/network-volumes`, {
    method: "POST",
    headers: { authorization: `Bearer ${simulatedKey}`, "content-type": "application/json" },
    body: JSON.stringify({ name: "gallery", size: 50, dataCenter: "EU-RO-1" }),
  });
  return ((await answer.json()) as { id: string }).id;
}

test("a pod dies with half a batch pending on a volume: on the next pod nothing is drawn twice", async () => {
  const { stack, gallery } = started;
  const { control } = stack.runpod;
  const change = {
    "backend.volume_id": await createVolume(),
    "backend.models": ["Lykon/dreamshaper-8"],
  };
  await saveSettings(stack.database.db, { change, now: new Date() });
  await gallery.post("/backend/mode", { mode: "remote" });
  await gallery.post("/backend/pod/start");
  await until("a pod that is ready", async () => {
    const { pod, connected } = await gallery.get("/backend/status");
    return pod?.status === "ready" && connected;
  });
  const [first] = await control.livingPods();
  const invokeai = await control.invokeAi(first!.id);
  // The batch stands still in its middle.
  await invokeai.holdStep({ item: 5, step: 1 });
  const session = await gallery.createSession();
  const { id: stepId } = await gallery.requestStep(session.id, {
    parameters: { batch_size: 10, steps: 10, seed: 500 },
  });
  await until("half of the images", async () => (await gallery.photosOf(stepId)).length >= 4);
  await control.strikePod(first!.id, "vanish");

  await gallery.stepIs(stepId, ["completed"], 120_000);
  await gallery.allRetrieved(stepId, 10, 90_000);
  const { generated } = await control.state();
  const drawn = generated.filter(({ batchId }) => batchId.startsWith(stepId));
  const seeds = drawn.map(({ seed }) => seed ?? -1).toSorted((a, b) => a - b);
  expect(seeds).toEqual(Array.from({ length: 10 }, (_, at) => 500 + at));
  expect(new Set(drawn.map(({ podId }) => podId)).size).toBe(2);
  const sessions = await listPodSessions(stack.database.db, { limit: 10 });
  expect(sessions.map(({ endReason }) => endReason)).toEqual([null, "lost"]);
  expect(sessions[0]!.place).toBe(sessions[1]!.place);
}, 240_000);
