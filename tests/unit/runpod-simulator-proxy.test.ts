import { afterEach, beforeEach, expect, test } from "bun:test";
import { io } from "socket.io-client";
import { blankGraph } from "#tests/conformance/invokeai/graphs";
import { startRunpod } from "#tests/support/runpod";
import { until } from "#tests/support/wait";

let runpod: Awaited<ReturnType<typeof startRunpod>>;
beforeEach(async () => {
  runpod = await startRunpod({ proxyLimitMs: 150 });
});
afterEach(() => runpod.stop());

/** A container that answers on its port 9090 with the path, and on /slow not at all. */
const echo = {
  entrypoint: ["/opt/venv/bin/python"],
  cmd: [
    "-c",
    `
import os, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Echo(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200); self.end_headers(); self.wfile.write(self.path.encode() + b" " + body)
    def do_GET(self):
        if self.path == "/slow": time.sleep(60)
        self.send_response(200); self.end_headers(); self.wfile.write(self.path.encode())
ThreadingHTTPServer(("127.0.0.1", int(os.environ["INVOKEAI_PORT"])), Echo).serve_forever()`,
  ],
};

const text = async (url: string): Promise<string> => (await fetch(url)).text();

/** The address of the container's port 9090, once it answers there. */
async function listening(podId: string): Promise<string> {
  const address = runpod.addressOf(podId, 9090);
  await until("an answer", async () => (await text(`${address}/`)) === "/");
  return address;
}

test("a declared port is reached by path or by host, an undeclared one never", async () => {
  const pod = await runpod.createPod(echo);
  const address = await listening(pod.id);
  expect(await text(`${address}/a/b?c=1`)).toBe("/a/b?c=1");
  const posted = await fetch(`${address}/p`, { method: "POST", body: "x".repeat(200_000) });
  expect(await posted.text()).toBe(`/p ${"x".repeat(200_000)}`);
  const { origin } = new URL(address);
  const byHost = await fetch(`${origin}/a`, { headers: { host: `${pod.id}-9090.example.org` } });
  expect(await byHost.text()).toBe("/a");
  expect((await fetch(runpod.addressOf(pod.id, 9091))).status).toBe(404);
  expect((await fetch(runpod.addressOf("unknown", 9090))).status).toBe(404);
});

test("before its service listens, a pod answers 404, then 200 with a page, then 502", async () => {
  const { control } = runpod;
  const seen = new Map<string, string>();
  await control.setTimeline({ provisioningMs: 60_000, startingMs: 60_000 });
  const pod = await runpod.createPod();
  for (let part = 0; part < 3; part += 1) {
    const answer = await fetch(runpod.addressOf(pod.id, 9090));
    const [state] = (await control.state()).pods;
    seen.set(state?.status ?? "", `${answer.status} ${answer.headers.get("content-type")}`);
    await control.advance(60_000);
  }
  expect([...seen]).toEqual([
    ["PROVISIONING", "404 text/html; charset=utf-8"],
    ["STARTING", "200 text/html; charset=utf-8"],
    ["RUNNING", "502 text/html; charset=utf-8"],
  ]);
});

test("a request without an answer within the limit gets 524", async () => {
  const pod = await runpod.createPod(echo);
  const address = await listening(pod.id);
  expect((await fetch(`${address}/slow`)).status).toBe(524);
});

test("a pod of InvokeAI's image is InvokeAI, with web sockets, and its volume and what it generated outlive it", async () => {
  const volume = await runpod.read<{ id: string }>("POST", "/v2/network-volumes", {
    name: "models",
    size: 50,
    dataCenter: "US-TX-3",
  });
  const wanted = {
    image: "ghcr.io/invoke-ai/invokeai:v6.14.2-cuda",
    mounts: { network: [{ volumeId: volume.id, path: "/invokeai" }] },
    env: { INVOKEAI_MULTIUSER: "true" },
  };
  const account = { email: "owner@example.org", password: "a long password" };
  const post = (url: string, body: unknown, token = "") =>
    fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
  const ready = async (podId: string) => {
    const address = runpod.addressOf(podId, 9090);
    const answers = async () => {
      const { ok, headers } = await fetch(`${address}/api/v1/app/version`);
      return ok && headers.get("content-type") === "application/json";
    };
    await until("InvokeAI's version", answers, 30_000);
    return address;
  };

  const first = await runpod.createPod(wanted);
  const address = await ready(first.id);
  const setup = { ...account, display_name: "Owner" };
  expect((await post(`${address}/api/v1/auth/setup`, setup)).status).toBe(200);
  expect((await post(`${address}/api/v1/auth/setup`, setup)).status).toBe(400);
  const { token } = (await (await post(`${address}/api/v1/auth/login`, account)).json()) as {
    token: string;
  };
  const models = async (at: string, bearer: string) => {
    const headers = { authorization: `Bearer ${bearer}` };
    const response = await fetch(`${at}/api/v2/models/`, { headers });
    return ((await response.json()) as { models: { source: string }[] }).models;
  };
  expect(await models(address, token)).toEqual([]);
  const { pathname, origin } = new URL(address);
  const socket = io(origin, {
    path: `${pathname}/ws/socket.io`,
    transports: ["websocket"],
    auth: { token },
  });
  const installed = new Promise((resolve) => socket.on("model_install_complete", resolve));
  await new Promise((resolve) => socket.on("connect", () => resolve(true)));
  const source = encodeURIComponent("Lykon/dreamshaper-8");
  const install = await post(`${address}/api/v2/models/install?source=${source}`, {}, token);
  expect(install.status).toBe(201);
  await installed;
  socket.close();
  await runpod.call("DELETE", `/v2/pods/${first.id}`);
  await runpod.control.until(({ pods }) => pods[0]?.endedAt != null);

  const next = await runpod.createPod(wanted);
  const second = await ready(next.id);
  const again = (await (await post(`${second}/api/v1/auth/login`, account)).json()) as {
    token: string;
  };
  expect(await models(second, again.token)).toMatchObject([{ source: "Lykon/dreamshaper-8" }]);
  const batch = { batch_id: "b1", runs: 2, graph: blankGraph() };
  await post(`${second}/api/v1/queue/default/enqueue_batch`, { batch }, again.token);
  const invokeAi = await runpod.control.invokeAi(next.id);
  await invokeAi.until(({ queue }) => queue.completed === 2);
  await runpod.control.strikePod(next.id, "vanish");
  const { generated } = await runpod.control.state();
  expect(generated).toMatchObject([
    { podId: next.id, batchId: "b1" },
    { podId: next.id, batchId: "b1" },
  ]);
}, 60_000);
