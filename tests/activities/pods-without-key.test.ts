import { afterEach, beforeEach, expect, test } from "bun:test";
import { listEventsAfter } from "#db/queries/events/events";
import { saveSettings } from "#db/queries/installation/settings";
import { findPodSession } from "#db/queries/pods/sessions";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { insertPod } from "#tests/support/pod-rows";

/** A worker that was started without RUNPOD_API_KEY. */
let bench: ActivityBench;
beforeEach(async () => {
  bench = await createActivityBench();
}, 60_000);
afterEach(() => bench.close(), 30_000);

test.each(["remote", "local"] as const)(
  "without RUNPOD_API_KEY at its start, a worker that finds a live pod says how to end it by hand, for as long as it lives, in the mode %s",
  async (mode) => {
    const { db } = bench;
    await saveSettings(db, { change: { "backend.mode": mode }, now: new Date() });
    const { id, podId } = await insertPod(db, { podId: "podwithoutkey" });
    for (let looks = 0; looks < 3; looks++) await bench.run("tendPod", {});
    const session = await findPodSession(db, id);
    expect(session).toMatchObject({ status: "ready", podId, endedAt: null });
    expect(session?.lastError).toContain("RUNPOD_API_KEY is not set.");
    expect(session?.lastError).toContain(podId!);
    expect(session?.lastError).toContain("https://console.runpod.io/pods");
    const events = await listEventsAfter(db, { afterId: 0, sessionId: null, limit: 1_000 });
    expect(events.filter(({ type }) => type === "pod.key_refused")).toHaveLength(1);
    // No turn is granted on a pod that cannot be ended.
    expect(await bench.run("tendPod", {})).toMatchObject({ isOpen: mode === "local" });
  },
  60_000,
);

test("without RUNPOD_API_KEY, a create that is out is named, because its pod may run", async () => {
  const unmade = { podId: null, madeAt: null, readyAt: null, status: "creating" } as const;
  const { id, podName } = await insertPod(bench.db, unmade);
  await bench.run("tendPod", {});
  expect((await findPodSession(bench.db, id))?.lastError).toContain(podName!);
}, 60_000);
