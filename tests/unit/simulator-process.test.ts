import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createSimulatorControl } from "#simulators/invokeai/control-client";
import { blankGraph } from "#tests/conformance/invokeai/graphs";

const entry = join(import.meta.dir, "../../simulators/invokeai/main.ts");

/** Starts the simulator as a process and waits for its address. */
async function spawnSimulator(...options: string[]) {
  const child = Bun.spawn([process.execPath, entry, ...options], { stdout: "pipe" });
  const reader = child.stdout.getReader();
  let printed = "";
  while (!printed.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The simulator ended: ${printed}`);
    printed += new TextDecoder().decode(value);
  }
  return { child, line: printed.trim(), url: printed.trim().replace("ready ", "") };
}

test("the process prints its address, takes faults as options and ends on SIGTERM", async () => {
  const fault = JSON.stringify({ kind: "status_502_html", route: "version", times: 1 });
  const { child, line, url } = await spawnSimulator("--fault", fault);
  expect(line).toMatch(/^ready http:\/\/127\.0\.0\.1:\d+$/);
  expect((await fetch(`${url}/api/v1/app/version`)).status).toBe(502);
  expect((await fetch(`${url}/api/v1/app/version`)).status).toBe(200);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
});

test("a restarted process keeps its data and its port", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "simulator-"));
  try {
    const first = await spawnSimulator("--data", dataDir);
    await fetch(`${first.url}/api/v1/queue/default/enqueue_batch`, {
      method: "POST",
      body: JSON.stringify({ batch: { batch_id: "b1", runs: 3, graph: blankGraph() } }),
    });
    await createSimulatorControl(first.url).until(({ queue }) => queue.completed === 3);
    first.child.kill("SIGKILL");
    await first.child.exited;

    const { port } = new URL(first.url);
    const second = await spawnSimulator("--data", dataDir, "--port", port);
    const status = await fetch(`${second.url}/api/v1/queue/default/b/b1/status`);
    expect(await status.json()).toMatchObject({ completed: 3, total: 3 });
    second.child.kill("SIGTERM");
    await second.child.exited;
  } finally {
    await rm(dataDir, { recursive: true });
  }
});
