import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { simulatedKey } from "#simulators/runpod/start";
import { groupIsAlive } from "#stack/process-group";
import { startRunpod } from "#tests/support/runpod";
import { until } from "#tests/support/wait";

let runpod: Awaited<ReturnType<typeof startRunpod>>;
beforeEach(async () => {
  runpod = await startRunpod({ restartMs: 5 });
});
afterEach(() => runpod.stop());

const python = (program: string) => ({
  entrypoint: ["/opt/venv/bin/python"],
  cmd: ["-c", program],
});

/** The lines of a pod's log, read until `wanted` is among them. */
async function logUntil(podId: string, wanted: string, source = "container"): Promise<string[]> {
  const response = await runpod.call("GET", `/v2/pods/${podId}/logs?source=${source}&tail=5000`);
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  const lines: string[] = [];
  let rest = "";
  for await (const chunk of response.body as ReadableStream<Uint8Array>) {
    const events = (rest + new TextDecoder().decode(chunk)).split("\n\n");
    rest = events.pop() ?? "";
    for (const event of events) {
      const data = /^data: (.+)$/m.exec(event)?.[1];
      if (data !== undefined) lines.push((JSON.parse(data) as { line: string }).line);
    }
    if (lines.some((line) => line.includes(wanted))) return lines;
  }
  throw new Error(`"${wanted}" is not in the log: ${lines.join("; ")}`);
}

test("the start command runs with the pod's variables, those of the service and the API's address", async () => {
  const pod = await runpod.createPod({
    ...python(
      "import os; print('seen', *(os.environ[k] for k in ('A','RUNPOD_POD_ID','RUNPOD_DC_ID','RUNPOD_API_BASE_URL')), flush=True); import time; time.sleep(3600)",
    ),
    env: { A: "from the pod", RUNPOD_POD_ID: "shadowed" },
    dataCenterIds: ["EU-SE-1"],
  });
  const lines = await logUntil(pod.id, "seen");
  expect(lines).toContain(`seen from the pod ${pod.id} EU-SE-1 ${runpod.url}`);
  const system = await logUntil(pod.id, "start container", "system");
  expect(system).toContain("pulling image alpine:3");
});

test("a command that ends is started again, while the pod stays RUNNING and billed", async () => {
  const pod = await runpod.createPod({ entrypoint: ["true"] });
  const { pods } = await runpod.control.until(
    ({ pods: [only] }) => (only?.containerStarts ?? 0) > 2,
  );
  expect(pods[0]).toMatchObject({ id: pod.id, status: "RUNNING", endedAt: null });
});

test("a pod can end itself with its own key: by action, DELETE or GraphQL, but no other pod", async () => {
  const sender = (method: string, url: string, body: string) => `
import json, os, time, urllib.error, urllib.request as r
def send(pod):
    text = ${JSON.stringify(body)}.replace("POD", pod)
    request = r.Request(${url}.replace("POD", pod), text.encode() or None, method="${method}",
        headers={"Authorization": "Bearer " + os.environ["RUNPOD_API_KEY"], "User-Agent": "test/1"})
    try: print("answer", r.urlopen(request).status, flush=True)
    except urllib.error.HTTPError as error: print("answer", error.code, flush=True)
send(os.environ["OTHER"])
send(os.environ["RUNPOD_POD_ID"])
time.sleep(3600)`;
  const rest = "(os.environ['RUNPOD_API_BASE_URL'] + '/v2/pods/POD";
  const ways = [
    sender("POST", `${rest}/action')`, '{"action":"terminate"}'),
    sender("DELETE", `${rest}')`, ""),
    sender(
      "POST",
      "os.environ['RUNPOD_GRAPHQL_URL']",
      '{"query":"mutation { podTerminate(input: {podId: \\"POD\\"}) }"}',
    ),
  ];
  const other = await runpod.createPod();
  const ids = [];
  for (const way of ways) {
    ids.push((await runpod.createPod({ ...python(way), env: { OTHER: other.id } })).id);
  }
  const { pods, calls } = await runpod.control.until(
    (state) => state.pods.filter(({ endedAt }) => endedAt !== null).length === 3,
  );
  for (const id of ids) expect(pods.find((pod) => pod.id === id)?.endedBy).toBe("pod");
  expect(pods.find(({ id }) => id === other.id)?.endedAt).toBeNull();
  const refused = calls.filter(({ key, podId }) => key === "pod" && podId === other.id);
  expect(refused.map(({ status }) => status)).toEqual([403, 403, 403]);
});

test("every process of a container ends with its pod", async () => {
  const pod = await runpod.createPod({
    entrypoint: ["/bin/sh", "-c"],
    cmd: ["sleep 3600 & echo group $$; wait"],
  });
  const [line] = await logUntil(pod.id, "group");
  const group = Number(line?.slice("group ".length));
  expect(groupIsAlive(group)).toBeTrue();
  await runpod.call("DELETE", `/v2/pods/${pod.id}`);
  await until("an ended group", () => !groupIsAlive(group));
});

test("containers see simulated time", async () => {
  const pod = await runpod.createPod(
    python("import time; time.sleep(600); print('slept', time.time(), flush=True)"),
  );
  await runpod.control.until(({ pods: [only] }) => only?.containerStarts === 1);
  const { now } = await runpod.control.state();
  await runpod.control.setTimeScale(6_000);
  const lines = await logUntil(pod.id, "slept");
  const at = Number(lines.find((line) => line.startsWith("slept "))?.slice("slept ".length));
  expect(at * 1000 - now).toBeGreaterThan(550_000);
});

test("a killed simulator leaves no container behind", async () => {
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, "../../simulators/runpod/main.ts"), "--boot", "0"],
    { stdout: "pipe" },
  );
  let printed = "";
  for await (const chunk of child.stdout) {
    printed += new TextDecoder().decode(chunk);
    if (printed.includes("ready")) break;
  }
  const url = /ready (\S+)/.exec(printed)?.[1] ?? "";
  const headers = { authorization: `Bearer ${simulatedKey}` };
  const marker = `3600.${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  const created = await fetch(`${url}/v2/pods`, {
    method: "POST",
    headers,
    body: JSON.stringify({
      name: "a",
      image: "alpine:3",
      gpu: { id: "NVIDIA L4", count: 1 },
      disk: 10,
      cmd: ["sleep", marker],
    }),
  });
  expect(created.status).toBe(201);
  const running = () => Bun.spawnSync(["ps", "-eo", "args"]).stdout.toString().includes(marker);
  await until("a running container", running);
  child.kill("SIGKILL");
  await until("an ended container", () => !running());
});
