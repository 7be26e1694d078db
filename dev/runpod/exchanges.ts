import type { Exchange } from "#simulators/runpod/http";
import { simulatedKey, startRunpodSimulator } from "#simulators/runpod/start";

/** An exchange whose request may break the specification on purpose. */
export type MarkedExchange = Exchange & { isWrong: boolean };

const create = {
  name: "gallery-spec-1",
  image: "ghcr.io/example/image:1",
  cloud: "SECURE",
  gpu: { id: "NVIDIA RTX A5000", count: 1, minCudaVersion: "12.8" },
  disk: 40,
  ports: ["9090/http", "9091/http", "22/tcp"],
  env: { A: "1" },
  entrypoint: ["/bin/sleep"],
  cmd: ["3600"],
};

/** Requests that the specification forbids too. */
const refusedBodies = [
  { ...create, unknown: 1 },
  { ...create, name: "" },
  { ...create, disk: 0 },
  { ...create, gpu: { id: "NVIDIA RTX A5000", count: 1, minCudaVersion: "12" } },
];

/** Requests that it permits, and the service refuses. */
const impossibleBodies = [
  { ...create, disk: undefined },
  { ...create, gpu: { id: "NVIDIA RTX A5000" } },
  { ...create, gpu: { id: "NVIDIA A5000", count: 1 } },
  { ...create, dataCenterIds: ["XX-1"] },
  { ...create, mounts: { network: [{ volumeId: "missing", path: "/invokeai" }] } },
];

/** Sends every request that the simulator knows, right and wrong, through a pod's whole life. */
export async function exchangeEverything(): Promise<MarkedExchange[]> {
  const exchanges: MarkedExchange[] = [];
  let isNextWrong = false;
  const keys = { [simulatedKey]: "all", rpa_read: "read" } as const;
  const simulator = await startRunpodSimulator({
    keys,
    billingLagMs: 0,
    timeline: { provisioningMs: 5, startingMs: 5, runtimeMs: 0, terminatingMs: 5 },
    rateLimits: { minute: 500, hour: 5_000, day: 50_000 },
    onExchange: (exchange) => exchanges.push({ ...exchange, isWrong: isNextWrong }),
  });
  const { control } = simulator;

  async function send<T>(
    method: string,
    path: string,
    body?: unknown,
    { key = simulatedKey, isWrong = false }: { key?: string; isWrong?: boolean } = {},
  ): Promise<T> {
    isNextWrong = isWrong;
    const response = await fetch(`${simulator.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}` },
      body: body === undefined ? null : JSON.stringify(body),
    });
    if (response.headers.get("content-type") === "text/event-stream") {
      await response.body?.cancel();
      return {} as T;
    }
    const text = await response.text();
    return (text === "" ? {} : JSON.parse(text)) as T;
  }

  try {
    await send("GET", "/v2/account/ssh-keys");
    await send("GET", "/v2/account/ssh-keys", undefined, { key: "" });
    await send("GET", "/v2/account/ssh-keys", undefined, { key: "rpa_wrong" });
    await send("POST", "/v2/pods", create, { key: "rpa_read" });
    for (const body of refusedBodies) await send("POST", "/v2/pods", body, { isWrong: true });
    for (const body of impossibleBodies) await send("POST", "/v2/pods", body);

    const volume = { name: "models", size: 50, dataCenter: "US-TX-3", type: "STANDARD" };
    const { id: volumeId } = await send<{ id: string }>("POST", "/v2/network-volumes", volume);
    await send("POST", "/v2/network-volumes", { ...volume, size: 1 }, { isWrong: true });
    await send("POST", "/v2/network-volumes", { ...volume, dataCenter: "CA-MTL-1" });
    await send("GET", "/v2/network-volumes");
    await send("GET", `/v2/network-volumes/${volumeId}`);

    const mounts = { network: [{ volumeId, path: "/invokeai" }] };
    const { id } = await send<{ id: string }>("POST", "/v2/pods", { ...create, mounts });
    await send("POST", "/v2/pods", { ...create, mounts: { persistent: { size: 10, path: "/d" } } });
    await control.until(({ pods }) => pods.every((pod) => pod.containerStarts === 1));
    await send("GET", `/v2/pods/${id}`);
    await send("GET", "/v2/pods");
    await send("GET", "/v2/pods?limit=1");
    await send("GET", "/v2/pods?limit=0");
    await send("GET", `/v2/pods/${id}/logs?source=system&tail=10`);
    await send("PATCH", `/v2/pods/${id}`, { name: "renamed", locked: true });
    await send("PATCH", `/v2/pods/${id}`, { cost: 1 }, { isWrong: true });
    await send("POST", `/v2/pods/${id}/action`, { action: "stop" });
    await send("PATCH", `/v2/pods/${id}`, { locked: false });
    for (const action of ["start", "restart", "stop", "start"]) {
      await send("POST", `/v2/pods/${id}/action`, { action });
    }
    await send("POST", `/v2/pods/${id}/action`, { action: "explode" }, { isWrong: true });
    await control.setBalance(0.01);
    await send("POST", "/v2/pods", create);
    await control.setBalance(null);
    await control.advance(3_600_000);
    await send("GET", "/v2/billing/pods?bucketSize=hour&lastN=3");
    await send("GET", `/v2/billing/pods?podId=${id}&startTime=2026-01-01T00:00:00Z`);
    await send("GET", "/v2/billing/network-volumes?bucketSize=day");
    await send("DELETE", `/v2/network-volumes/${volumeId}`);
    await send("DELETE", `/v2/pods/${id}`);
    await control.until(({ pods }) => pods[0]?.endedAt != null);
    await send("GET", `/v2/pods/${id}`);
    await send("DELETE", `/v2/pods/${id}`);
    await send("POST", `/v2/pods/${id}/action`, { action: "terminate" });
    await send("PUT", "/v2/pods");
    await send("DELETE", `/v2/network-volumes/${volumeId}`);
    await send("DELETE", `/v2/network-volumes/${volumeId}`);

    const stock = "include=AVAILABILITY&product=POD&count=1&cloud=SECURE&minCudaVersion=12.8";
    await send("GET", "/v2/catalog/gpus");
    await send("GET", `/v2/catalog/gpus?${stock}`);
    await send("GET", "/v2/catalog/gpus?include=AVAILABILITY");
    await send("GET", "/v2/catalog/datacenters?include=GPU_AVAILABILITY&regions=EUROPE");
    await control.addFault({ kind: "no_capacity" });
    await send("GET", `/v2/catalog/gpus?${stock}`);
    await send("POST", "/v2/pods", create);
    await control.addFault({ kind: "rate_limited", route: "any", retryAfterSeconds: 3 });
    await send("GET", "/v2/pods");
  } finally {
    await simulator.stop();
  }
  return exchanges;
}
