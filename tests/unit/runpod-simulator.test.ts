import { afterAll, beforeAll, expect, test } from "bun:test";
import { type PodJson, podRequest, startRunpod } from "#tests/support/runpod";

let runpod: Awaited<ReturnType<typeof startRunpod>>;
beforeAll(async () => {
  runpod = await startRunpod({ keys: { rpa_all: "all", rpa_read: "read" }, billingLagMs: 0 });
});
afterAll(() => runpod.stop());

const call = (method: string, path: string, body?: unknown, key: string | null = "rpa_all") =>
  runpod.call(method, path, body, key);

async function refusal(response: Response): Promise<{ status: number; detail: string }> {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const body = (await response.json()) as { title: string; status: number; detail: string };
  expect(body.status).toBe(response.status);
  expect(body.title).toBeTruthy();
  return { status: body.status, detail: body.detail };
}

const create = async (changes: Record<string, unknown>) =>
  refusal(await call("POST", "/v2/pods", { ...podRequest, ...changes }));

async function made(changes: Record<string, unknown> = {}): Promise<PodJson> {
  const response = await call("POST", "/v2/pods", { ...podRequest, ...changes });
  expect(response.status).toBe(201);
  return (await response.json()) as PodJson;
}

test("a call without a valid key gets 401, one without the right 403", async () => {
  expect((await refusal(await call("GET", "/v2/pods", undefined, null))).status).toBe(401);
  expect((await refusal(await call("GET", "/v2/pods", undefined, "rpa_wrong"))).status).toBe(401);
  expect((await call("GET", "/v2/account/ssh-keys", undefined, "rpa_read")).status).toBe(200);
  expect((await refusal(await call("POST", "/v2/pods", podRequest, "rpa_read"))).status).toBe(403);
});

test("the edge refuses a client that does not name itself, with a page", async () => {
  const headers = { authorization: "Bearer rpa_all", "user-agent": "Python-urllib/3.12" };
  const response = await fetch(`${runpod.url}/v2/pods`, { headers });
  expect(response.status).toBe(403);
  expect(await response.text()).toContain("error code: 1010");
});

test("an unknown or wrong field gets 422 and is named", async () => {
  const unknown = await create({ cloudType: "SECURE" });
  expect(unknown.status).toBe(422);
  expect(unknown.detail).toContain("$.cloudType");
  expect((await create({ gpu: { id: "NVIDIA RTX A5000", count: 0 } })).detail).toContain(
    "$.gpu.count",
  );
  expect((await create({ name: undefined })).detail).toContain("$.name");
});

test("rules between fields, unknown types and missing capacity get 400, with only the detail to tell", async () => {
  expect(await create({ disk: undefined })).toEqual({
    status: 400,
    detail: "You must either provide a template id or pod configuration parameters",
  });
  expect((await create({ gpu: { id: "NVIDIA A5000", count: 1 } })).status).toBe(400);
  expect((await create({ gpu: { id: "NVIDIA RTX A5000" } })).detail).toContain("resources");
  expect((await create({ gpu: undefined })).status).toBe(400);
  expect(
    (await create({ gpu: { id: "NVIDIA RTX A5000", count: 1, minCudaVersion: "13.0" } })).status,
  ).toBe(400);
  const tooMany = Array.from({ length: 11 }, (_, n) => `${9000 + n}/http`);
  expect((await create({ ports: tooMany })).status).toBe(400);
  const mounts = { network: [{ volumeId: "missing", path: "/invokeai" }] };
  expect((await create({ mounts })).status).toBe(404);
  const large = { A: "x".repeat(110_000) };
  expect((await create({ env: large })).status).toBe(413);
});

test("a pod echoes command and variables, and permits the actions of its status only", async () => {
  const pod = await made({ cmd: ["sleep", "60"], env: { A: "1" } });
  expect(pod).toMatchObject({ status: "PROVISIONING", actions: ["stop", "terminate"] });
  expect(pod).toMatchObject({ cmd: ["sleep", "60"], env: { A: "1" }, cost: 0.29, runtime: null });
  const act = (action: string) => call("POST", `/v2/pods/${pod.id}/action`, { action });
  expect((await act("start")).status).toBe(409);
  const stopped = (await (await act("stop")).json()) as PodJson;
  expect(stopped).toMatchObject({ status: "EXITED", cost: 0, actions: ["start", "terminate"] });
  expect((await act("restart")).status).toBe(409);
  expect((await act("terminate")).status).toBe(204);
  await runpod.control.until(({ pods }) => pods.every(({ endedAt }) => endedAt !== null));
  expect((await call("GET", `/v2/pods/${pod.id}`)).status).toBe(404);
  expect((await call("DELETE", `/v2/pods/${pod.id}`)).status).toBe(404);
});

test("the list has pages, newest first, and ignores unknown parameters", async () => {
  const ids: string[] = [];
  for (const name of ["a", "b", "c"]) ids.unshift((await made({ name })).id);
  const seen: string[] = [];
  let cursor = "";
  for (let pages = 1; ; pages += 1) {
    const path = `/v2/pods?limit=2&name=a${cursor && `&cursor=${cursor}`}`;
    const page = (await (await call("GET", path)).json()) as {
      pods: PodJson[];
      pagination: { nextCursor: string | null; hasNextPage: boolean };
    };
    seen.push(...page.pods.map(({ id }) => id));
    if (!page.pagination.hasNextPage) break;
    expect(pages).toBeLessThan(5);
    cursor = page.pagination.nextCursor ?? "";
  }
  expect(seen).toEqual(ids);
  expect((await refusal(await call("GET", "/v2/pods?limit=0"))).status).toBe(422);
  for (const id of ids) expect((await call("DELETE", `/v2/pods/${id}`)).status).toBe(204);
});

test("a network volume ties a pod to its data centre and cannot be deleted while it is mounted", async () => {
  const wanted = { name: "models", size: 50, dataCenter: "EU-RO-1" };
  const volume = (await (await call("POST", "/v2/network-volumes", wanted)).json()) as {
    id: string;
  };
  const mounts = { network: [{ volumeId: volume.id, path: "/invokeai" }] };
  expect((await create({ mounts, dataCenterIds: ["US-TX-3"] })).status).toBe(400);
  expect((await create({ mounts, cloud: "COMMUNITY" })).status).toBe(400);
  const pod = await made({ mounts });
  expect((await call("DELETE", `/v2/network-volumes/${volume.id}`)).status).toBe(400);
  await call("DELETE", `/v2/pods/${pod.id}`);
  const { pods } = await runpod.control.until((state) =>
    state.pods.every(({ endedAt }) => endedAt !== null),
  );
  expect(pods.find(({ id }) => id === pod.id)).toMatchObject({
    dataCenter: "EU-RO-1",
    volumeId: volume.id,
  });
  expect((await call("DELETE", `/v2/network-volumes/${volume.id}`)).status).toBe(204);
});

test("the filters of the catalogue are applied, and a malformed one is refused", async () => {
  const stock = "/v2/catalog/gpus?include=AVAILABILITY&product=POD";
  type Seen = {
    id: string;
    availability: string;
    dataCenters?: { id: string }[];
    cudaVersions: { version: string }[];
  };
  const gpus = async (filter: string) =>
    ((await (await call("GET", `${stock}&${filter}`)).json()) as { gpus: Seen[] }).gpus;
  const one = async (id: string, filter: string) =>
    (await gpus(filter)).find((gpu) => gpu.id === id);

  const romanian = await gpus("countryCodes=RO");
  expect(romanian.map(({ id }) => id)).not.toContain("NVIDIA GeForce RTX 3090");
  expect(romanian.flatMap(({ dataCenters }) => dataCenters?.map(({ id }) => id) ?? [])).toEqual(
    romanian.map(() => "EU-RO-1"),
  );
  const [a4000, ada] = ["NVIDIA RTX A4000", "NVIDIA RTX 2000 Ada Generation"];
  expect(await one(ada, "cloud=COMMUNITY")).toMatchObject({ availability: "NONE" });
  expect(await one(a4000, "cloud=COMMUNITY&count=8")).toMatchObject({ availability: "LOW" });
  for (const filter of [
    "count=9",
    "minCudaVersion=12.10",
    "minCudaVersion=13",
    "cudaVersions=12.6",
  ]) {
    const seen = await one(a4000, filter);
    expect(seen).toMatchObject({ availability: "NONE" });
    expect(seen).not.toHaveProperty("dataCenters");
  }
  expect((await one(a4000, "cudaVersions=12.6"))?.cudaVersions).toEqual([]);
  for (const filter of ["minCudaVersion=12", "minCudaVersion=12.8", "cudaVersions=12.6,12.8"]) {
    expect(await one(a4000, filter)).toMatchObject({ availability: "LOW" });
  }
  for (const wrong of [
    "countryCodes=ro",
    "cudaVersions=12",
    "minCudaVersion=x",
    "count=0",
    "cloud=MINE",
  ]) {
    expect((await call("GET", `${stock}&${wrong}`)).status).toBe(422);
  }

  const places = async (filter: string) => {
    const answer = await call("GET", `/v2/catalog/datacenters?${filter}`);
    return ((await answer.json()) as { dataCenters: { id: string }[] }).dataCenters.map(
      ({ id }) => id,
    );
  };
  expect(await places("regions=EUROPE&networkVolumeTypes=STANDARD")).toEqual([
    "EU-RO-1",
    "EU-SE-1",
  ]);
  expect(await places("networkVolumeTypes=STANDARD")).not.toContain("CA-MTL-1");
  expect(await places("globalNetwork=true")).toEqual([]);
  expect(await places("compliance=GDPR")).toEqual([]);
  expect((await call("GET", "/v2/catalog/datacenters?regions=MOON")).status).toBe(422);
});

test("the catalogue shows stock only for a product", async () => {
  const path = "/v2/catalog/gpus";
  expect((await call("GET", `${path}?include=AVAILABILITY`)).status).toBe(400);
  expect((await call("GET", `${path}?product=POD`)).status).toBe(400);
  await runpod.control.addFault({ kind: "no_capacity", gpu: "NVIDIA RTX A4000" });
  const { gpus } = (await (
    await call("GET", `${path}?include=AVAILABILITY&product=POD&count=1`)
  ).json()) as { gpus: { id: string; availability: string; dataCenters?: unknown[] }[] };
  await runpod.control.clearFaults();
  const soldOut = gpus.find(({ id }) => id === "NVIDIA RTX A4000");
  expect(soldOut?.availability).toBe("NONE");
  expect(soldOut).not.toHaveProperty("dataCenters");
  expect(gpus.find(({ id }) => id === "NVIDIA RTX A5000")?.availability).toBe("HIGH");
});
