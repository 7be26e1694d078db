import { type RunpodOptions, simulatedKey, startRunpodSimulator } from "#simulators/runpod/start";

/** Simulated milliseconds so short that a pod is there at once. */
const shortTimeline = {
  provisioningMs: 5,
  startingMs: 5,
  runtimeMs: 5,
  terminatingMs: 20,
} as const;

/** A create request that the simulator accepts; its command only waits. */
export const podRequest = {
  name: "gallery-test-1",
  image: "alpine:3",
  gpu: { id: "NVIDIA RTX A5000", count: 1 },
  disk: 40,
  ports: ["9090/http"],
};

export type PodJson = {
  id: string;
  name: string;
  status: string;
  cost: number;
  runtime: { uptime: number } | null;
  [field: string]: unknown;
};

/** A RunPod simulator with a client of its API. */
export async function startRunpod(options: RunpodOptions = {}) {
  const simulator = await startRunpodSimulator({ timeline: shortTimeline, ...options });

  async function call(
    method: string,
    path: string,
    body?: unknown,
    key: string | null = simulatedKey,
  ): Promise<Response> {
    return fetch(`${simulator.url}${path}`, {
      method,
      headers: key === null ? {} : { authorization: `Bearer ${key}` },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  }

  return {
    ...simulator,
    call,
    /** The answer's body; throws unless the status is a success. */
    async read<T>(method: string, path: string, body?: unknown): Promise<T> {
      const response = await call(method, path, body);
      if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
      return (await response.json()) as T;
    },
    async createPod(changes: Record<string, unknown> = {}): Promise<PodJson> {
      const response = await call("POST", "/v2/pods", { ...podRequest, ...changes });
      if (response.status !== 201) throw new Error(await response.text());
      return (await response.json()) as PodJson;
    },
    /** The public address of a pod's port. */
    addressOf: (podId: string, port: number): string =>
      simulator.proxyUrl.replace("{pod}", podId).replace("{port}", String(port)),
  };
}
