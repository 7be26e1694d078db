import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serveHealth } from "#activities/worker/health";
import { findFreePort } from "#stack/ports";

const program = join(import.meta.dir, "../../stack/probe.ts");
type State = "INITIALIZED" | "RUNNING" | "STOPPING" | "FAILED";

/** A worker's health check at a port of its own, and a probe of it. */
async function withWorkers(
  states: State[],
  work: (at: { states: State[]; probe: () => Promise<number>; url: string }) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "probe-"));
  const workers = states.map((_, index) => ({ getState: () => states[index]! }));
  const server = serveHealth(await findFreePort(), workers);
  const url = `http://127.0.0.1:${server.port}/health/live`;
  const probe = () =>
    Bun.spawn([process.execPath, "--no-env-file", program, url], {
      env: { TMPDIR: folder },
      stdio: ["ignore", "ignore", "ignore"],
    }).exited;
  try {
    await work({ states, probe, url });
  } finally {
    await server.stop(true);
    await rm(folder, { recursive: true });
  }
}

test("a worker is healthy while all its task queues are polled", () =>
  withWorkers(["INITIALIZED", "INITIALIZED"], async ({ states, probe }) => {
    expect(await probe()).toBe(1);
    states[0] = "RUNNING";
    expect(await probe()).toBe(1);
    states[1] = "RUNNING";
    expect(await probe()).toBe(0);
    states[0] = "FAILED";
    expect(await probe()).toBe(1);
  }));

test("a worker's health check answers nothing else, and only on this machine", () =>
  withWorkers(["RUNNING"], async ({ url }) => {
    expect((await fetch(url)).status).toBe(200);
    expect((await fetch(new URL("/metrics", url))).status).toBe(404);
    const elsewhere = url.replace("127.0.0.1", "127.0.0.2");
    expect(await fetch(elsewhere).catch(() => "refused")).toBe("refused");
  }));

test("an address that does not answer is unhealthy", async () => {
  const child = Bun.spawn(
    [process.execPath, "--no-env-file", program, `http://127.0.0.1:${await findFreePort()}/`],
    { stdio: ["ignore", "ignore", "ignore"] },
  );
  expect(await child.exited).toBe(1);
});
