import { afterEach, beforeEach, expect, test } from "bun:test";
import { startRunpod } from "#tests/support/runpod";

const hourMs = 3_600_000;

let runpod: Awaited<ReturnType<typeof startRunpod>>;
beforeEach(async () => {
  runpod = await startRunpod();
});
afterEach(() => runpod.stop());

type Billing = { records: { totalAmount: number; podId: string }[] };

test("a pod is billed from its creation until it is gone, a stopped one is not", async () => {
  const { control } = runpod;
  const pod = await runpod.createPod();
  await control.advance(hourMs);
  await runpod.call("POST", `/v2/pods/${pod.id}/action`, { action: "stop" });
  await control.advance(hourMs);
  await runpod.call("POST", `/v2/pods/${pod.id}/action`, { action: "start" });
  await control.advance(hourMs / 2);
  await runpod.call("DELETE", `/v2/pods/${pod.id}`);
  const { pods } = await control.until((state) => state.pods[0]?.endedAt != null);
  const [account] = pods;
  expect(account?.seconds).toBeWithin(5_400, 5_402);
  expect(account?.gpuUsd).toBeCloseTo(1.5 * 0.29, 3);
  expect(account?.diskUsd).toBeCloseTo((1.5 * 40 * 0.1) / 730, 4);
  await control.advance(hourMs);
  expect((await control.state()).pods[0]?.totalUsd).toBe(account?.totalUsd as number);
});

test("billing lags behind, and then has the sums of the ledger", async () => {
  const { control } = runpod;
  const pod = await runpod.createPod();
  await control.advance(hourMs / 2);
  await runpod.call("DELETE", `/v2/pods/${pod.id}`);
  const { pods } = await control.until((state) => state.pods[0]?.endedAt != null);
  const path = `/v2/billing/pods?podId=${pod.id}&bucketSize=hour&lastN=5`;
  expect((await runpod.read<Billing>("GET", path)).records).toEqual([]);
  await control.advance(1.5 * hourMs);
  const { records } = await runpod.read<Billing>("GET", path);
  const billed = records.reduce((sum, { totalAmount }) => sum + totalAmount, 0);
  expect(billed).toBeCloseTo(pods[0]?.totalUsd as number, 9);
});

test("a network volume costs money without a pod", async () => {
  await runpod.read("POST", "/v2/network-volumes", {
    name: "models",
    size: 100,
    dataCenter: "US-TX-3",
  });
  await runpod.control.advance(730 * hourMs);
  expect((await runpod.control.state()).totalUsd).toBeCloseTo(7, 3);
});

test("without an hour of credit no pod is deployed, and without any the running ones are stopped", async () => {
  const { control } = runpod;
  await control.setBalance(0.3);
  const pod = await runpod.createPod();
  await control.advance(hourMs / 2);
  const second = await runpod.call("POST", "/v2/pods", {
    name: "second",
    image: "alpine:3",
    gpu: { id: "NVIDIA RTX A5000", count: 1 },
    disk: 10,
  });
  expect(second.status).toBe(402);
  await control.advance(hourMs);
  expect((await runpod.read<{ status: string }>("GET", `/v2/pods/${pod.id}`)).status).toBe(
    "EXITED",
  );
});

test("simulated time passes as many times faster as the scale says", async () => {
  const before = await runpod.control.state();
  await runpod.control.setTimeScale(3_600_000);
  await runpod.control.until(({ now }) => now - before.now > 5 * hourMs, 5_000);
});

test("limits per minute, hour and day are told in headers, and the longest full window in Retry-After", async () => {
  const limited = await startRunpod({ rateLimits: { minute: 2, hour: 3, day: 100 } });
  try {
    const list = () => limited.call("GET", "/v2/pods");
    const waitSeconds = async () => {
      const response = await list();
      expect(response.status).toBe(429);
      return Number(response.headers.get("retry-after"));
    };
    // All windows begin now.
    await limited.control.advance(24 * hourMs - (Date.now() % (24 * hourMs)));
    const first = await list();
    expect(first.headers.get("ratelimit-policy")).toStartWith('"minute";q=2;w=60, "hour";q=3;');
    expect(first.headers.get("ratelimit")).toStartWith('"minute";r=1;t=');
    await list();
    expect(await waitSeconds()).toBeWithin(1, 61);
    expect(await waitSeconds()).toBeWithin(61, 3_601);
  } finally {
    await limited.stop();
  }
});
