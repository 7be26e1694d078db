import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { requestInstall, requestInstallCancel } from "#db/queries/models/install-requests";
import { requestPodStop } from "#db/queries/pods/requests";
import { createPodBench, type PodBench } from "#tests/support/pod-bench";
import { until as waitUntil } from "#tests/support/wait";

let bench: PodBench;
beforeEach(async () => {
  bench = await createPodBench();
}, 60_000);
afterEach(() => bench.close(), 30_000);

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const [first, second] = ["NVIDIA RTX A5000", "NVIDIA RTX A4500"];

const until = (status: string) => bench.tendUntil(status, (session) => session.status === status);

async function startReady() {
  await bench.start();
  return bench.tendUntil("a pod that is ready", bench.isReady);
}

/** A step that waits in the line, so that a pod is wanted. */
async function ask(): Promise<string> {
  const { stepId } = await bench.createStep([1]);
  await bench.run("askForTurn", { stepId });
  return stepId;
}

/** What the backend's run does once the place in force answers. */
async function openLine(): Promise<void> {
  const { backend, ready } = await bench.run("checkBackend", {});
  await bench.run("tendLine", { backend, ready });
}

describe("boot", () => {
  test("a pod that runs is not ready before InvokeAI answers as JSON and accepts the login", async () => {
    const { control } = bench.runpod;
    await control.addFault({ kind: "proxy_starting", body: "html" });
    await bench.start();
    const booting = await until("booting");
    await control.until(({ pods }) => pods.some(({ containerStarts }) => containerStarts > 0));
    for (let looks = 0; looks < 3; looks++) await bench.tend();
    expect(await bench.newest()).toMatchObject({ status: "booting", podId: booting.podId });
    expect((await bench.newest()).phaseMessage).toStartWith("Starting InvokeAI, ");
    await control.clearFaults();
    await bench.tendUntil("a pod that is ready", bench.isReady);
  }, 60_000);

  test("a pod that does not boot in time is ended with its last log line, the next candidate is tried once, and then nothing until the owner asks", async () => {
    await bench.set({ "backend.gpu_types": [first, second] });
    await bench.runpod.control.addFault({ kind: "container_never_starts" });
    await ask();
    for (const gpuType of [first, second]) {
      expect(await until("booting")).toMatchObject({ gpuType });
      await bench.pass(20 * minuteMs);
      const failed = await until("failed");
      expect(failed).toMatchObject({ endReason: "boot_timeout", gpuType });
      expect(failed.lastLogLine).toBeString();
      expect(failed.costMicros).toBeGreaterThan(0);
    }
    const [newer, older] = await bench.sessions();
    expect(newer!.replaces).toBe(older!.id);
    await bench.pass(hourMs);
    await bench.tend();
    expect(await bench.sessions()).toHaveLength(2);
    await bench.pass(1_000);
    await ask();
    await bench.tend();
    expect(await bench.sessions()).toHaveLength(3);
  }, 60_000);

  test("a pod whose InvokeAI answers, but never lists its models, is ended at the boot deadline, and the provider is not blamed", async () => {
    const { control } = bench.runpod;
    await bench.set({ "backend.gpu_types": [first], "backend.models": ["Lykon/dreamshaper-8"] });
    await control.addFault({ kind: "proxy_starting", body: "html" });
    await ask();
    const { podId } = await until("booting");
    await control.until(({ pods }) => pods.some(({ containerStarts }) => containerStarts > 0));
    const invokeai = await control.invokeAi(podId!);
    await waitUntil("InvokeAI on the pod", () =>
      invokeai.addFault({ kind: "status_500_json", route: "listModels" }).then(
        () => true,
        () => false,
      ),
    );
    await control.clearFaults();
    for (let looks = 0; looks < 3; looks++) await bench.tend();
    expect(await bench.newest()).toMatchObject({ status: "booting", lastError: null });
    await bench.pass(20 * minuteMs);
    expect(await until("failed")).toMatchObject({ endReason: "boot_timeout", podId });
  }, 60_000);

  test("a pod that vanishes while it boots is lost at once, and replaced after a pause", async () => {
    await bench.runpod.control.addFault({ kind: "stuck_provisioning", times: 1 });
    await ask();
    const { podId } = await bench.tendUntil("a pod that was read", ({ seenAt }) => seenAt !== null);
    await bench.runpod.control.strikePod(podId!, "vanish");
    expect(await until("failed")).toMatchObject({ endReason: "lost" });
    await bench.pass(minuteMs);
    await bench.tendUntil("a pod that is ready", bench.isReady);
    expect(await bench.pods()).toHaveLength(2);
  }, 60_000);

  test("a pod that was just made and cannot be read yet is not lost before the in-doubt period is over", async () => {
    await bench.runpod.control.addFault({ kind: "stuck_provisioning", times: 1 });
    await ask();
    const { podId } = await until("booting");
    await bench.runpod.control.strikePod(podId!, "vanish");
    await bench.pass(2 * minuteMs);
    await bench.tend();
    expect(await bench.newest()).toMatchObject({ status: "booting", podId });
    await bench.pass(2 * minuteMs);
    expect(await until("failed")).toMatchObject({ endReason: "lost" });
    await bench.pass(minuteMs);
    await bench.tendUntil("a pod that is ready", bench.isReady);
    expect(await bench.pods()).toHaveLength(2);
  }, 60_000);
});

describe("a pod that is ready", () => {
  test("its place is in force, and turns are granted there", async () => {
    const stepId = await ask();
    const session = await bench.tendUntil("a pod that is ready", bench.isReady);
    expect(await bench.tend()).toMatchObject({ isOpen: true });
    await openLine();
    const [turn] = await bench.sql`select backend from turns where step_id = ${stepId}`;
    expect(turn?.["backend"]).toBe(session.place);
  }, 60_000);

  test("idle never fires during a step, which uploads its source with its turn, a fetch or an install; it fires within 60 s after", async () => {
    const stepId = await ask();
    const { place } = await bench.tendUntil("a pod that is ready", bench.isReady);
    await openLine();
    await bench.passWatched(2 * hourMs);
    expect(await bench.newest()).toMatchObject({ status: "ready", idleSince: null });
    await bench.run("giveTurnBack", { stepId });
    await bench.sql`insert into photos (id, kind, filename, retrieval_status, backend, invoke_id)
      values (${crypto.randomUUID()}, 'generated', 'a.png', 'pending', ${place}, 'a.png')`;
    await bench.passWatched(hourMs);
    expect(await bench.newest()).toMatchObject({ status: "ready", idleSince: null });
    const asked = { id: crypto.randomUUID(), place: "remote", source: "a/model" };
    await requestInstall(bench.db, { ...asked, podSessionId: null, now: bench.now() });
    await bench.sql`delete from photos where backend = ${place}`;
    await bench.passWatched(hourMs);
    expect(await bench.newest()).toMatchObject({ status: "ready", idleSince: null });
    await requestInstallCancel(bench.db, { id: asked.id, now: bench.now() });
    await bench.tend();
    await bench.pass(29 * minuteMs);
    await bench.tend();
    expect((await bench.newest()).status).toBe("ready");
    await bench.pass(minuteMs);
    await bench.tend();
    expect(await bench.newest()).toMatchObject({ status: "draining", endReason: "idle" });
    expect(await until("ended")).toMatchObject({ endReason: "idle" });
    expect(await bench.runpod.control.livingPods()).toEqual([]);
  }, 60_000);

  test("a pod on which InvokeAI is silent is ended, but not for silence while no worker looked", async () => {
    await bench.set({ "backend.idle_timeout_minutes": 120 });
    await startReady();
    await bench.runpod.control.addFault({ kind: "proxy_starting", body: "html" });
    await bench.pass(25 * minuteMs);
    await bench.tend();
    expect((await bench.newest()).status).toBe("ready");
    for (let looks = 0; looks < 24; looks++) {
      await bench.pass(50_000);
      await bench.tend();
    }
    expect(await bench.newest()).toMatchObject({ endReason: "unresponsive" });
  }, 60_000);

  for (const [event, endReason] of [
    ["vanish", "lost"],
    ["exit", "exited"],
    ["fail", "broken"],
  ] as const) {
    test(`"${event}" at the provider ends it as ${endReason}; while it is wanted, another one follows`, async () => {
      await ask();
      const { podId, id } = await bench.tendUntil("a pod that is ready", bench.isReady);
      await bench.runpod.control.strikePod(podId!, event);
      const next = await bench.tendUntil("another pod", (session) => session.id !== id);
      expect((await bench.sessions()).find((session) => session.id === id)).toMatchObject({
        status: "ended",
        endReason,
      });
      await bench.tendUntil("a pod that is ready", bench.isReady);
      expect((await bench.runpod.control.livingPods()).map(({ name }) => name)).toEqual([
        (await bench.newest()).podName!,
      ]);
      expect(next.requestedAt.getTime()).toBeGreaterThan(0);
    }, 60_000);
  }

  test("it ends at the longest time of a session", async () => {
    await bench.set({ "backend.max_session_hours": 2, "backend.max_session_cost_usd": null });
    await startReady();
    await ask();
    await bench.pass(2 * hourMs);
    expect(await until("ended")).toMatchObject({ endReason: "max_hours" });
  }, 60_000);

  test("a start while it drains or terminates makes one more pod, after it has ended", async () => {
    const { id } = await startReady();
    await requestPodStop(bench.db, { now: bench.now() });
    await bench.tend();
    expect((await bench.newest()).status).toBe("draining");
    await bench.start();
    await bench.tendUntil("another pod", (session) => session.id !== id);
    await bench.tendUntil("a pod that is ready", bench.isReady);
    const [, before] = await bench.sessions();
    expect(before).toMatchObject({ status: "ended", endReason: "stopped" });
    const [old, current] = await bench.pods();
    expect(current!.createdAt).toBeGreaterThanOrEqual(old!.endedAt!);
    expect(await bench.pods()).toHaveLength(2);
  }, 60_000);

  test("when the mode becomes local, the pod is ended, and the local place is in force at once", async () => {
    await startReady();
    await bench.set({ "backend.mode": "local" });
    await bench.tend();
    expect((await bench.run("checkBackend", {})).backend).toBe("local");
    expect(await until("ended")).toMatchObject({ endReason: "mode_local" });
    expect(await bench.runpod.control.livingPods()).toEqual([]);
  }, 60_000);

  test("an administrator that the gallery did not make on the volume is an alarm, and no turn is granted", async () => {
    const volume = await bench.provider.createVolume({
      name: "library",
      sizeGb: 20,
      dataCenter: "EU-RO-1",
    });
    await bench.set({ "backend.volume_id": volume.id });
    await ask();
    const { place } = await bench.tendUntil("a pod that is ready", bench.isReady);
    expect(place).toBe(`volume:${volume.id}`);
    await requestPodStop(bench.db, { now: bench.now() });
    await until("ended");
    // The secret file is another one, as after the data folder was lost: the administrator is then a stranger's.
    await bench.changeSecret();
    await bench.pass(1_000);
    await ask();
    const failed = await until("failed");
    expect(failed).toMatchObject({ endReason: "unknown_administrator", readyAt: null });
    expect(await bench.tend()).toMatchObject({ isOpen: false });
  }, 60_000);
});

describe("a key that the provider no longer accepts", () => {
  test("while a pod runs, the fault says how to end it by hand, no turn is granted, and the pod is not closed", async () => {
    const { podId } = await startReady();
    await bench.refuseKey();
    expect(await bench.tend()).toMatchObject({ isOpen: false });
    const session = await bench.newest();
    expect(session).toMatchObject({ status: "ready", podId });
    expect(session.lastError).toContain(podId!);
    expect(session.lastError).toContain("https://console.runpod.io");
    await bench.runpod.control.clearFaults();
    expect(await bench.tend()).toMatchObject({ isOpen: true });
    expect((await bench.newest()).lastError).toBeNull();
  }, 60_000);

  test("without beats its guard ends the pod, and the session closes once the key is valid again", async () => {
    const { podId } = await startReady();
    const { control } = bench.runpod;
    await bench.refuseKey();
    await bench.tend();
    await bench.pass(41 * minuteMs);
    await control.until(({ pods }) => pods.every(({ endedAt }) => endedAt !== null));
    expect((await bench.pods())[0]).toMatchObject({ id: podId, endedBy: "pod" });
    await control.clearFaults();
    const ended = await bench.tendUntil("an end", bench.isOver);
    const [pod] = await bench.pods();
    expect(Math.abs(ended.endedAt!.getTime() - pod!.endedAt!)).toBeLessThan(3 * minuteMs);
  }, 60_000);
});
