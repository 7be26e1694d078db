import { createRunpodProvider } from "#activities/adapters/pods/runpod/client";
import type { PodOrder } from "#activities/adapters/pods/provider";

const stops: (() => void)[] = [];

/** Stops every API that `provide` started. */
export function stopApis(): void {
  for (const stop of stops.splice(0)) stop();
}

export const apiKey = "rpa_a_key_that_nobody_may_see";
export const order: PodOrder = {
  name: "gallery-0123456789ab-01JDXYZABCDEF",
  image: "ghcr.io/invoke-ai/invokeai:v6.14.2-cuda",
  gpuType: "NVIDIA RTX A4000",
  dataCenter: "us-tx-3",
  volumeId: "vol_xyz",
  diskGb: 40,
  ports: [9090, 9091],
  entrypoint: ["/opt/venv/bin/python"],
  command: ["-c", "print('a program that nobody needs to see')"],
  environment: { TOKEN: "a-token-that-nobody-may-see", INVOKEAI_MULTIUSER: "true" },
};
export const made = {
  id: "abc123",
  name: order.name,
  status: "PROVISIONING",
  cost: 0.25,
  runtime: null,
};

type Seen = {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Headers;
  body: unknown;
};

/** A provider whose API answers with `answer`, and the requests that it got. */
export function provide(answer: (seen: Seen, nth: number) => Response | Promise<Response>) {
  const requests: Seen[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      const text = await request.text();
      const seen = {
        method: request.method,
        path: pathname,
        query: searchParams,
        headers: request.headers,
        body: text === "" ? undefined : (JSON.parse(text) as unknown),
      };
      requests.push(seen);
      return answer(seen, requests.length);
    },
  });
  stops.push(() => void server.stop(true));
  const provider = createRunpodProvider({
    apiUrl: `http://127.0.0.1:${server.port}`,
    proxyUrl: "https://{pod}-{port}.proxy.example",
    apiKey,
    connectionTimeoutMs: 5_000,
    readTimeoutMs: 5_000,
  });
  return { provider, requests };
}

export function problem(
  status: number,
  detail: string,
  headers: Record<string, string> = {},
): Response {
  const body = JSON.stringify({ title: "Error", status, detail });
  return new Response(body, {
    status,
    headers: { "Content-Type": "application/problem+json", ...headers },
  });
}

export const page = (status: number) =>
  new Response("<!doctype html>", { status, headers: { "Content-Type": "text/html" } });
