import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Fault } from "#simulators/runpod/control";
import { type PodJson, podRequest, startRunpod } from "#tests/support/runpod";

let runpod: Awaited<ReturnType<typeof startRunpod>>;
beforeEach(async () => {
  runpod = await startRunpod();
});
afterEach(() => runpod.stop());

const create = () => runpod.call("POST", "/v2/pods", podRequest);

/** Whether the connection was cut before an answer. */
const isCut = (request: Promise<Response>): Promise<boolean> =>
  request.then(
    () => false,
    () => true,
  );

const listed = async () =>
  (await runpod.read<{ pods: PodJson[] }>("GET", "/v2/pods")).pods.map(({ id }) => id);

const get = (id: string) => runpod.read<PodJson>("GET", `/v2/pods/${id}`);

async function living(): Promise<string[]> {
  return (await runpod.control.livingPods()).map(({ id }) => id);
}

test("a create that answers 500 leaves a billed pod, which the list shows later", async () => {
  const { control } = runpod;
  await control.addFault({ kind: "create_fails_with_pod", listedAfterMs: 60_000, times: 1 });
  expect((await create()).status).toBe(500);
  const [pod] = await control.livingPods();
  expect(pod?.name).toBe(podRequest.name);
  expect(await listed()).toEqual([]);
  await control.advance(60_000);
  expect(await listed()).toEqual([pod?.id as string]);
  expect((await create()).status).toBe(201);
});

test("an answer is lost, a request is not processed, or it waits for the release", async () => {
  const { control } = runpod;
  await control.addFault({ kind: "answer_lost", route: "createPod", times: 1 });
  await control.addFault({ kind: "unreachable", route: "createPod", times: 1 });
  await control.addFault({ kind: "request_held", route: "createPod", times: 1 });
  for (const _ of [1, 2]) expect(await isCut(create())).toBeTrue();
  expect(await living()).toHaveLength(1);
  const late = create();
  await control.until(({ held }) => held.length === 1);
  expect(await living()).toHaveLength(1);
  await control.release();
  expect((await late).status).toBe(201);
});

test("capacity can be missing for a type or a data centre, while the catalogue shows stock", async () => {
  const { control } = runpod;
  const gpu = podRequest.gpu.id;
  await control.addFault({ kind: "no_capacity", gpu, dataCenter: "US-TX-3", shown: "HIGH" });
  const inTexas = { ...podRequest, dataCenterIds: ["US-TX-3"] };
  const refused = await runpod.call("POST", "/v2/pods", inTexas);
  expect(refused.status).toBe(400);
  expect(await refused.text()).toContain("no longer any instances available");
  expect((await create()).status).toBe(201);
  const path = "/v2/catalog/gpus?include=AVAILABILITY&product=POD";
  const { gpus } = await runpod.read<{ gpus: { id: string; availability: string }[] }>("GET", path);
  expect(gpus.find(({ id }) => id === gpu)?.availability).toBe("HIGH");
  await control.addFault({ kind: "pool_closed", gpu });
  expect((await create()).status).toBe(403);
});

test("while the network is cut nobody outside reaches the API or a pod", async () => {
  const { control } = runpod;
  const pod = await runpod.createPod();
  await control.addFault({ kind: "network_cut", forMs: 60_000 });
  expect(await isCut(runpod.call("DELETE", `/v2/pods/${pod.id}`))).toBeTrue();
  expect(await isCut(fetch(runpod.addressOf(pod.id, 9090)))).toBeTrue();
  expect(await living()).toEqual([pod.id]);
  await control.advance(60_000);
  expect((await runpod.call("DELETE", `/v2/pods/${pod.id}`)).status).toBe(204);
});

test("a refused key, a refused DELETE and an ignored one leave the pod alive", async () => {
  const { control } = runpod;
  const pod = await runpod.createPod();
  const attempts: [Fault, number][] = [
    [{ kind: "key_refused", times: 1 }, 401],
    [{ kind: "delete_refused", times: 1 }, 500],
    [{ kind: "delete_ignored", times: 1 }, 204],
  ];
  for (const [fault, status] of attempts) {
    await control.addFault(fault);
    expect((await runpod.call("DELETE", `/v2/pods/${pod.id}`)).status).toBe(status);
    await control.advance(60_000);
    expect(await listed()).toEqual([pod.id]);
  }
});

test("a pod is stopped, fails, or disappears without its owner", async () => {
  const { control } = runpod;
  const [stopped, failed, gone] = [
    await runpod.createPod(),
    await runpod.createPod(),
    await runpod.createPod(),
  ];
  await control.strikePod(stopped.id, "exit");
  await control.strikePod(failed.id, "fail");
  await control.strikePod(gone.id, "vanish");
  expect(await get(stopped.id)).toMatchObject({ status: "EXITED", cost: 0 });
  expect((await get(failed.id)).status).toBe("ERROR");
  expect((await runpod.call("GET", `/v2/pods/${gone.id}`)).status).toBe(404);
  await control.addFault({ kind: "start_refused" });
  const start = { action: "start" };
  expect((await runpod.call("POST", `/v2/pods/${stopped.id}/action`, start)).status).toBe(400);
  const { pods } = await control.state();
  expect(pods.find(({ id }) => id === gone.id)?.endedBy).toBe("provider");
});

test("a container that never starts is RUNNING and billed without runtime; a stuck pod is PROVISIONING for ever", async () => {
  const { control } = runpod;
  await control.addFault({ kind: "container_never_starts", times: 1 });
  await control.addFault({ kind: "stuck_provisioning", skip: 1, times: 1 });
  const broken = await runpod.createPod();
  const stuck = await runpod.createPod();
  await control.advance(3_600_000);
  expect(await get(broken.id)).toMatchObject({ status: "RUNNING", runtime: null });
  expect((await get(stuck.id)).status).toBe("PROVISIONING");
  const { pods } = await control.state();
  for (const { containerStarts, gpuUsd } of pods) {
    expect(containerStarts).toBe(0);
    expect(gpuUsd).toBeGreaterThan(0.28);
  }
});

test("a rate of 0 is shown while the pod is billed, and uptime 0 with it", async () => {
  const { control } = runpod;
  const pod = await runpod.createPod();
  await control.until(({ pods }) => pods[0]?.containerStarts === 1);
  await control.addFault({ kind: "rate_missing", cost: 0 });
  await control.advance(3_600_000);
  expect(await get(pod.id)).toMatchObject({ cost: 0, runtime: { uptime: 0 } });
  expect((await control.state()).pods[0]?.gpuUsd).toBeGreaterThan(0.28);
});

test("the list lags behind creation and end, and its pages can be short", async () => {
  const { control } = runpod;
  await control.addFault({ kind: "list_lags", lagMs: 30_000 });
  const pod = await runpod.createPod();
  expect(await listed()).toEqual([]);
  expect((await get(pod.id)).id).toBe(pod.id);
  await control.advance(30_000);
  expect(await listed()).toEqual([pod.id]);
  await control.strikePod(pod.id, "vanish");
  expect(await listed()).toEqual([pod.id]);
  await control.advance(30_000);
  expect(await listed()).toEqual([]);
  await control.clearFaults();
  await control.addFault({ kind: "short_pages", size: 1 });
  await runpod.createPod();
  await runpod.createPod();
  const page = await runpod.read<{ pods: unknown[]; pagination: { hasNextPage: boolean } }>(
    "GET",
    "/v2/pods?limit=100",
  );
  expect(page.pods).toHaveLength(1);
  expect(page.pagination.hasNextPage).toBeTrue();
});

test("gateways answer HTML, a read just after a delete has an odd body, a rate limit has Retry-After", async () => {
  const { control } = runpod;
  await control.addFault({ kind: "html", route: "listPods", status: 502, times: 1 });
  await control.addFault({ kind: "odd_body", route: "listPods", times: 1 });
  await control.addFault({ kind: "status", route: "any", status: 503, times: 1 });
  await control.addFault({ kind: "rate_limited", route: "any", retryAfterSeconds: 7, times: 1 });
  const answers = [];
  for (let n = 0; n < 4; n += 1) {
    const response = await runpod.call("GET", "/v2/pods");
    const type = response.headers.get("content-type")?.split(";")[0];
    answers.push([response.status, type, response.headers.get("retry-after")]);
  }
  expect(answers).toEqual([
    [502, "text/html", null],
    [200, "application/json", null],
    [503, "application/problem+json", null],
    [429, "application/problem+json", "7"],
  ]);
});

test("the proxy can answer a starting page, nothing, or an error in place of the container", async () => {
  const { control } = runpod;
  const pod = await runpod.createPod();
  await control.addFault({ kind: "proxy_starting", body: "html", times: 1 });
  await control.addFault({ kind: "proxy_starting", body: "empty", times: 1 });
  await control.addFault({ kind: "proxy_status", status: 504, skip: 2 });
  const answers = [];
  for (let n = 0; n < 3; n += 1) {
    const response = await fetch(runpod.addressOf(pod.id, 9090));
    answers.push(`${response.status} ${(await response.text()).length > 0}`);
  }
  expect(answers).toEqual(["200 true", "200 false", "504 true"]);
});

test("a pod of a cluster is absent from the list and cannot be ended alone", async () => {
  const { control } = runpod;
  const pod = await runpod.createPod();
  await control.strikePod(pod.id, "join_cluster");
  expect(await listed()).toEqual([]);
  expect(await get(pod.id)).toMatchObject({ cluster: { rank: 0 } });
  expect((await runpod.call("DELETE", `/v2/pods/${pod.id}`)).status).toBe(409);
  const all = await runpod.read<{ pods: unknown[] }>("GET", "/v2/pods?includeClusterPods=true");
  expect(all.pods).toHaveLength(1);
});

test("a pod that was made without the API is in the list, though the ledger has no create", async () => {
  await runpod.control.addFault({ kind: "create_fails_with_pod" });
  const id = await runpod.control.addPod({ name: "somebody-else", gpu: "NVIDIA L4" });
  const { pods } = await runpod.read<{ pods: { id: string; name: string }[] }>("GET", "/v2/pods");
  expect(pods).toMatchObject([{ id, name: "somebody-else" }]);
  const { calls } = await runpod.control.state();
  expect(calls.filter(({ route }) => route === "createPod")).toEqual([]);
});

test("a crashed container is started again", async () => {
  const { control } = runpod;
  const pod = await runpod.createPod();
  await control.until(({ pods }) => pods[0]?.containerStarts === 1);
  await control.strikePod(pod.id, "crash");
  await control.setTimeScale(1_000);
  await control.until(({ pods }) => pods[0]?.containerStarts === 2);
});
