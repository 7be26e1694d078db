import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { requestPodStop } from "#db/queries/pods/requests";
import { createPodBench, type PodBench } from "#tests/support/pod-bench";

let bench: PodBench;
beforeEach(async () => {
  bench = await createPodBench();
}, 60_000);
afterEach(() => bench.close(), 30_000);

const minuteMs = 60_000;

async function startReady() {
  await bench.start();
  return bench.tendUntil("a pod that is ready", bench.isReady);
}

describe("a session is closed only when its pod is proven gone", () => {
  test("while the provider refuses the end, it is asked again and again, and the owner is told after ten minutes", async () => {
    const { podId } = await startReady();
    const refused = await bench.runpod.control.addFault({ kind: "delete_refused" });
    await requestPodStop(bench.db, { now: bench.now() });
    for (let minute = 0; minute < 15; minute++) {
      await bench.tend();
      await bench.pass(minuteMs);
    }
    expect(await bench.newest()).toMatchObject({ status: "terminating", endedAt: null });
    expect((await bench.newest()).phaseMessage).toContain(podId!);
    expect(await bench.events("pod.end_unconfirmed")).toHaveLength(1);
    expect(await bench.runpod.control.struck(refused)).toBeGreaterThan(10);
    await bench.runpod.control.clearFaults();
    const ended = await bench.tendUntil("an end", bench.isOver);
    const [pod] = await bench.pods();
    expect(Math.abs(ended.endedAt!.getTime() - pod!.endedAt!)).toBeLessThan(minuteMs);
  }, 60_000);

  test("a 204 without an end does not close it, and nobody reads that the pod is gone", async () => {
    await startReady();
    await bench.runpod.control.addFault({ kind: "delete_ignored" });
    await requestPodStop(bench.db, { now: bench.now() });
    await bench.tendUntil("an accepted end", ({ deleteAcceptedAt }) => deleteAcceptedAt !== null);
    for (let looks = 0; looks < 5; looks++) await bench.tend();
    expect(await bench.newest()).toMatchObject({
      status: "terminating",
      phaseMessage: "The GPU is being returned, as asked.",
    });
    await bench.runpod.control.clearFaults();
    const ended = await bench.tendUntil("an end", bench.isOver);
    expect(ended.phaseMessage).toBe("The GPU was returned, as asked.");
    expect(await bench.runpod.control.livingPods()).toEqual([]);
  }, 60_000);

  test("a list that lags behind keeps it open until it lacks the pod", async () => {
    const { control } = bench.runpod;
    await startReady();
    await bench.pass(3 * minuteMs);
    await control.addFault({ kind: "list_lags", lagMs: 2 * minuteMs });
    await requestPodStop(bench.db, { now: bench.now() });
    await bench.tendUntil("a deletion", async () => (await control.livingPods()).length === 0);
    for (let looks = 0; looks < 3; looks++) await bench.tend();
    expect(await bench.newest()).toMatchObject({ status: "terminating", endedAt: null });
    // Its pod is not an orphan meanwhile.
    expect(await bench.run("reapPods", {})).toMatchObject({ orphans: 0 });
    await bench.pass(2 * minuteMs);
    await bench.tendUntil("an end", bench.isOver);
  }, 60_000);

  test("while the list cannot be read, it stays open", async () => {
    await startReady();
    const broken = { kind: "status", route: "listPods", status: 502 } as const;
    await bench.runpod.control.addFault(broken);
    await requestPodStop(bench.db, { now: bench.now() });
    await bench.tendUntil(
      "a deletion",
      async () => (await bench.runpod.control.livingPods()).length === 0,
    );
    await bench.tend();
    expect(await bench.newest()).toMatchObject({ status: "terminating", endedAt: null });
    await bench.runpod.control.clearFaults();
    await bench.tendUntil("an end", bench.isOver);
  }, 60_000);

  test("pods beyond the first page count", async () => {
    await bench.runpod.control.addFault({ kind: "short_pages", size: 1 });
    const { podId } = await startReady();
    await bench.order("stranger-1");
    await bench.runpod.control.addFault({ kind: "delete_ignored" });
    await requestPodStop(bench.db, { now: bench.now() });
    await bench.tendUntil("an accepted end", ({ deleteAcceptedAt }) => deleteAcceptedAt !== null);
    await bench.tend();
    expect(await bench.newest()).toMatchObject({ status: "terminating", podId });
  }, 60_000);
});

describe("the reaper", () => {
  test("ends pods of this installation that no live session owns, and touches no other", async () => {
    const live = await startReady();
    const ours = bench.prefix;
    const orphan = await bench.order(`${ours}of-a-lost-row`);
    const others = [
      await bench.order("gallery-ffffffffffff-of-another"),
      await bench.order("gallery"),
      await bench.order("somebody"),
    ];
    await bench.runpod.control.addFault({ kind: "short_pages", size: 1 });
    expect(await bench.run("reapPods", {})).toMatchObject({ orphans: 1 });
    await bench.runpod.control.until(({ pods }) => pods.some(({ endedAt }) => endedAt !== null));
    const living = (await bench.runpod.control.livingPods()).map(({ id }) => id);
    expect(living.toSorted()).toEqual([live.podId!, ...others].toSorted());
    expect(await bench.events("pod.orphan_ended")).toMatchObject([{ data: { pod_id: orphan } }]);
  }, 60_000);

  test("a pod whose create is not answered yet belongs to its session", async () => {
    const { control } = bench.runpod;
    await control.addFault({ kind: "answer_held", route: "createPod", times: 1 });
    await bench.start();
    const creating = bench.tend();
    await control.until(({ held }) => held.length === 1);
    expect(await bench.run("reapPods", {})).toMatchObject({ orphans: 0 });
    await control.release();
    await creating;
    await bench.tendUntil("a pod that is ready", bench.isReady);
    expect(await bench.pods()).toHaveLength(1);
  }, 60_000);

  test("fails visibly when the list cannot be read", async () => {
    await bench.runpod.control.addFault({ kind: "status", route: "listPods", status: 500 });
    const failure = await bench.run("reapPods", {}).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Error);
  }, 60_000);
});
