import { afterEach, beforeEach, expect, test } from "bun:test";
import { requestInstall, requestInstallCancel } from "#db/queries/models/install-requests";
import { findInstall, listInstalls } from "#db/queries/models/installs";
import { requestPodStart, requestPodStop } from "#db/queries/pods/requests";
import { createPodBench, type PodBench } from "#tests/support/pod-bench";

let bench: PodBench;
beforeEach(async () => {
  bench = await createPodBench();
}, 60_000);
afterEach(() => bench.close(), 30_000);

const minuteMs = 60_000;
const dreamshaper = "Lykon/dreamshaper-8";
const unknown = "nobody/no-such-model";

const installs = () => listInstalls(bench.db, { after: null, limit: 100, offset: 0 });
const isOpen = ({ completedAt }: { completedAt: Date | null }) => completedAt === null;

/** One step of each open install, as their runs make them. */
async function tendInstalls(): Promise<void> {
  for (const { id } of (await installs()).filter(isOpen)) {
    await bench.run("tendInstall", { installId: id, graceMs: 100 }).catch(() => {});
  }
}

/** The owner asks for a model at the place that a pod would be. */
async function request(source: string): Promise<string> {
  const asked = { id: crypto.randomUUID(), place: "remote", source, podSessionId: null };
  return (await requestInstall(bench.db, { ...asked, now: bench.now() })).id;
}

async function tendUntil(status: string) {
  return bench.tendUntil(status, async (session) => {
    await tendInstalls();
    return session.status === status;
  });
}

test("a booting pod gets the models that it must have, once each; one that fails does not keep it from being used", async () => {
  await bench.set({ "backend.models": [dreamshaper, unknown, dreamshaper] });
  await bench.start();
  const provisioning = await bench.tendUntil("provisioning", ({ status }) => {
    return status === "provisioning";
  });
  expect(provisioning.phaseMessage).toContain("Installing models on the pod, 0 of 2 done: ");
  expect(await bench.tend()).toMatchObject({ isOpen: false });
  const ready = await tendUntil("ready");
  expect(ready.phaseMessage).toContain(`Not installed: ${unknown} (InvokeAI found no model`);
  const rows = await installs();
  const seen = rows.map(({ source, status, backend }) => [source, status, backend]);
  expect(seen).toHaveLength(2);
  expect(seen).toContainEqual([dreamshaper, "completed", ready.place]);
  expect(seen).toContainEqual([unknown, "failed", ready.place]);
  expect((await bench.events("model.install.completed")).length).toBe(1);
  const [model] = await bench.sql`select place from model_places where key = ${
    rows.find(({ source }) => source === dreamshaper)!.modelKey
  }`;
  expect(model?.["place"]).toBe("remote");
}, 60_000);

test("a pod whose volume has the models does not install them again", async () => {
  const order = { name: "models", sizeGb: 50, dataCenter: "EU-RO-1" };
  const volume = await bench.provider.createVolume(order);
  await bench.set({ "backend.models": [dreamshaper], "backend.volume_id": volume.id });
  for (let pods = 0; pods < 2; pods += 1) {
    await requestPodStart(bench.db, {
      id: crypto.randomUUID(),
      volumeId: volume.id,
      diskGb: 40,
      now: bench.now(),
    });
    expect(await tendUntil("ready")).toMatchObject({ place: `volume:${volume.id}` });
    await requestPodStop(bench.db, { now: bench.now() });
    await bench.tendUntil("the end", bench.isOver);
    await bench.pass(1_000);
  }
  expect(await bench.pods()).toHaveLength(2);
  expect(await installs()).toMatchObject([{ status: "completed", tries: 1 }]);
}, 90_000);

test("an install rents a pod and is work: the pod is not idle before it has ended, and ends within a minute after its idle time", async () => {
  const id = await request(dreamshaper);
  await bench.tendUntil("a pod that is ready", bench.isReady);
  await bench.passWatched(2 * 60 * minuteMs);
  expect(await bench.newest()).toMatchObject({ status: "ready", idleSince: null });
  for (;;) {
    await tendInstalls();
    if (!isOpen((await findInstall(bench.db, id))!)) break;
    await Bun.sleep(20);
  }
  await bench.tend();
  expect((await bench.newest()).idleSince).not.toBeNull();
  await bench.pass(29 * minuteMs);
  await bench.tend();
  expect(await bench.newest()).toMatchObject({ status: "ready" });
  await bench.pass(2 * minuteMs);
  expect(await bench.tendUntil("the end", bench.isOver)).toMatchObject({ endReason: "idle" });
  await bench.tend();
  expect(await bench.sessions()).toHaveLength(1);
}, 60_000);

test("an install that comes between the last look and the end of the idle time keeps the pod", async () => {
  await bench.start();
  await bench.tendUntil("a pod that is idle", ({ idleSince }) => idleSince !== null);
  await bench.pass(31 * minuteMs);
  await request(dreamshaper);
  await bench.tend();
  expect(await bench.newest()).toMatchObject({ status: "ready" });
}, 60_000);

test("a cancelled install, and one for another place, rent no pod", async () => {
  const id = await request(dreamshaper);
  await requestInstallCancel(bench.db, { id, now: bench.now() });
  const elsewhere = { id: crypto.randomUUID(), place: "volume:other", podSessionId: null };
  await requestInstall(bench.db, { ...elsewhere, source: dreamshaper, now: bench.now() });
  await bench.tend();
  expect(await bench.sessions()).toEqual([]);
}, 60_000);

test("after a pod without a volume was lost, what the owner asked for is installed on the next one, and what the pod asked for ends", async () => {
  await bench.set({ "backend.models": [unknown] });
  const own = await request(dreamshaper);
  const first = await bench.tendUntil("provisioning", ({ status }) => status === "provisioning");
  await bench.run("tendInstall", { installId: own, graceMs: 100 });
  expect(await findInstall(bench.db, own)).toMatchObject({ backend: first.place });
  await bench.pass(4 * minuteMs);
  await bench.runpod.control.strikePod(first.podId!, "vanish");
  await bench.tendUntil("the end", bench.isOver);
  const [theirs] = (await installs()).filter(({ podSessionId }) => podSessionId !== null);
  const view = await bench.run("tendInstall", { installId: theirs!.id, graceMs: 100 });
  expect(view).toMatchObject({ status: "failed", next: "over" });
  expect(view.message).toContain("ended before the model was installed");

  await bench.pass(minuteMs);
  const second = await tendUntil("ready");
  for (;;) {
    await tendInstalls();
    const row = (await findInstall(bench.db, own))!;
    if (isOpen(row)) continue;
    expect(row).toMatchObject({ status: "completed", backend: second.place });
    break;
  }
}, 90_000);

test("an install that fails because its pod was lost does not count as tried on the next pod", async () => {
  await bench.set({ "backend.models": [dreamshaper] });
  await bench.start();
  const first = await bench.tendUntil("provisioning", ({ status }) => status === "provisioning");
  await bench.tendUntil("a pod that was read", ({ seenAt }) => seenAt !== null);
  await bench.runpod.control.strikePod(first.podId!, "vanish");
  await bench.tendUntil("the end", bench.isOver);
  await bench.start();
  await bench.tendUntil("provisioning", ({ id, status }) => {
    return id !== first.id && status === "provisioning";
  });
  await tendUntil("ready");
  expect((await installs()).map(({ status }) => status).toSorted()).toEqual([
    "completed",
    "failed",
  ]);
}, 60_000);
