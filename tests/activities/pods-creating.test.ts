import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { RunpodState } from "#simulators/runpod/control";
import { createPodBench, type PodBench } from "#tests/support/pod-bench";

let bench: PodBench;
beforeEach(async () => {
  bench = await createPodBench();
}, 60_000);
afterEach(() => bench.close(), 30_000);

const minuteMs = 60_000;
const [first, second] = ["NVIDIA RTX A5000", "NVIDIA RTX A4500"];

describe("candidates", () => {
  test("when a GPU type is sold out, the next one is asked for, and what was refused is kept", async () => {
    await bench.set({ "backend.gpu_types": [first, second] });
    await bench.runpod.control.addFault({ kind: "no_capacity", gpu: first, shown: "HIGH" });
    await bench.start();
    const claimed = await bench.tendUntil("a second create", ({ attempt }) => attempt === 2);
    expect(claimed.refusals).toMatchObject([{ gpuType: first, dataCenter: null }]);
    const ready = await bench.tendUntil("a pod that is ready", bench.isReady);
    expect(ready.gpuType).toBe(second);
    expect(await bench.pods()).toMatchObject([{ gpu: second }]);
  }, 60_000);

  test("when all candidates are refused, the reason is shown, and the next try waits", async () => {
    await bench.runpod.control.addFault({ kind: "no_capacity" });
    await bench.start();
    const failed = await bench.tendUntil("a failure", bench.isOver);
    expect(failed).toMatchObject({ status: "failed", endReason: "refused", costMicros: 0 });
    expect(failed.phaseMessage).toContain("no longer any instances available");
    const { stepId } = await bench.createStep([1]);
    await bench.run("askForTurn", { stepId });
    const { pauseMs } = await bench.tend();
    expect(pauseMs).toBeGreaterThan(0);
    expect(await bench.creates()).toBe(1);
    await bench.runpod.control.clearFaults();
    await bench.pass(pauseMs!);
    await bench.tendUntil("a pod that is ready", bench.isReady);
    expect(await bench.creates()).toBe(2);
  }, 60_000);
});

describe("a create without a clear answer is never repeated before its pod was looked for", () => {
  test("create answers 500 although the pod is made: the pod is adopted", async () => {
    await bench.runpod.control.addFault({
      kind: "create_fails_with_pod",
      times: 1,
      listedAfterMs: 300,
    });
    await bench.start();
    const ready = await bench.tendUntil("a pod that is ready", bench.isReady);
    expect(await bench.pods()).toMatchObject([{ id: ready.podId, name: ready.podName }]);
    expect(await bench.creates()).toBe(1);
  }, 60_000);

  test("the answer is lost and the list lags behind: the pod is found later, and no second one is made", async () => {
    const { control } = bench.runpod;
    await control.addFault({ kind: "list_lags", lagMs: 2 * minuteMs });
    await control.addFault({ kind: "answer_lost", route: "createPod", times: 1 });
    await bench.start();
    await bench.tendUntil("a create", ({ attempt }) => attempt === 1);
    await bench.tend();
    expect(await bench.newest()).toMatchObject({ status: "creating", podId: null });
    expect(await control.livingPods()).toHaveLength(1);
    await bench.pass(2 * minuteMs);
    const ready = await bench.tendUntil("a pod that is ready", bench.isReady);
    expect(await bench.pods()).toMatchObject([{ id: ready.podId, name: ready.podName }]);
    expect(await bench.creates()).toBe(1);
  }, 60_000);

  test("the connection is cut before the request arrives: another create follows only when the pod can no longer appear", async () => {
    const lost = { kind: "unreachable", route: "createPod", times: 1 } as const;
    await bench.runpod.control.addFault(lost);
    await bench.start();
    const doubtful = await bench.tendUntil("a create", ({ attempt }) => attempt === 1);
    await bench.pass(2 * minuteMs);
    await bench.tend();
    expect(await bench.newest()).toMatchObject({ attempt: 1, podName: doubtful.podName });
    await bench.pass(2 * minuteMs);
    const ready = await bench.tendUntil("a pod that is ready", bench.isReady);
    expect(ready.attempt).toBe(2);
    expect(ready.podName).not.toBe(doubtful.podName);
    expect(await bench.pods()).toHaveLength(1);
  }, 60_000);

  test("a worker is killed while it waits for the answer: the next one adopts the pod", async () => {
    const { control } = bench.runpod;
    await control.addFault({ kind: "answer_held", route: "createPod", times: 1 });
    await bench.start();
    const killed = bench.tend().catch(() => {});
    await control.until(({ held }) => held.length === 1);
    const adopted = await bench.tendUntil("an adopted pod", ({ podId }) => podId !== null);
    // The first worker was only slow: its answer must not end the pod that the second one adopted.
    await control.release();
    await killed;
    await bench.tendUntil("a pod that is ready", bench.isReady);
    expect(await bench.pods()).toMatchObject([{ id: adopted.podId, endedAt: null }]);
  }, 60_000);

  test("a worker whose create was given up ends the pod that it made after all", async () => {
    const { control } = bench.runpod;
    await control.addFault({ kind: "request_held", route: "createPod", times: 1 });
    await bench.start();
    const slow = bench.tend().catch(() => {});
    await control.until(({ held }) => held.length === 1);
    await bench.pass(4 * minuteMs);
    const ready = await bench.tendUntil("a pod that is ready", bench.isReady);
    await control.release();
    await slow;
    expect(await bench.pods()).toHaveLength(2);
    const isAlone = ({ pods }: RunpodState) =>
      pods.every(({ id, endedAt }) => (endedAt === null) === (id === ready.podId));
    await control.until(isAlone);
  }, 60_000);

  test("two workers at once rent one pod", async () => {
    await bench.start();
    await Promise.all([bench.tend(), bench.tend(), bench.tend()]);
    await bench.tendUntil("a pod that is ready", bench.isReady);
    expect(await bench.creates()).toBe(1);
  }, 60_000);
});

describe("refusals that no other candidate cures", () => {
  test("a key that is refused fails visibly", async () => {
    await bench.refuseKey();
    await bench.start();
    await bench.tend();
    expect((await bench.newest()).lastError).toContain("key");
    expect(await bench.events("pod.key_refused")).toHaveLength(1);
    await bench.tend();
    expect(await bench.events("pod.key_refused")).toHaveLength(1);
    expect(await bench.pods()).toEqual([]);
  }, 60_000);

  test("a balance that is too low fails, and says so", async () => {
    await bench.runpod.control.setBalance(0);
    await bench.start();
    const failed = await bench.tendUntil("a failure", bench.isOver);
    expect(failed).toMatchObject({ status: "failed", endReason: "balance" });
    expect(failed.phaseMessage).toContain("balance");
  }, 60_000);

  test("too many requests: the create waits as long as it is told to", async () => {
    const limited = { kind: "rate_limited", route: "createPod", retryAfterSeconds: 7, times: 1 };
    await bench.runpod.control.addFault(limited as never);
    await bench.start();
    expect((await bench.tend()).pauseMs).toBe(7_000);
    await bench.tendUntil("a pod that is ready", bench.isReady);
    expect(await bench.pods()).toHaveLength(1);
  }, 60_000);

  test("a volume that does not exist is named", async () => {
    await bench.set({ "backend.volume_id": "vol_gone" });
    const { stepId } = await bench.createStep([1]);
    await bench.run("askForTurn", { stepId });
    const failed = await bench.tendUntil("a failure", bench.isOver);
    expect(failed).toMatchObject({ status: "failed", endReason: "order" });
    expect(failed.phaseMessage).toContain("vol_gone");
  }, 60_000);
});

test("a request that is withdrawn before a pod was made rents none", async () => {
  const { stepId } = await bench.createStep([1]);
  await bench.run("askForTurn", { stepId });
  await bench.tend();
  expect(await bench.newest()).toMatchObject({ status: "creating", attempt: 0 });
  await bench.run("giveTurnBack", { stepId });
  const ended = await bench.tendUntil("an end", bench.isOver);
  expect(ended).toMatchObject({ status: "ended", endReason: "unwanted" });
  expect(await bench.creates()).toBe(0);
}, 60_000);
