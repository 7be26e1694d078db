import { afterAll, beforeEach, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { saveOffers } from "#db/queries/pods/offers";
import type { PodOffer } from "#db/schema/pod-offers";
import { createTestApi } from "#tests/support/api";

const api = await createTestApi({ RUNPOD_API_KEY: "set" });
const { db } = api.deps.database;
afterAll(() => api.close());

/** What the worker does when it is asked. */
let worker: () => Promise<void> = async () => {};
const askWorker = api.temporal.readOffers.bind(api.temporal);
api.temporal.readOffers = async () => {
  const isThere = await askWorker();
  if (isThere) await worker();
  return isThere;
};

beforeEach(async () => {
  await db.execute(sql`truncate pod_offers, settings`);
  api.temporal.calls.length = 0;
  api.temporal.isAway = false;
  worker = async () => {};
});

const offer = (gpuType: string, hourlyMicros: number | null): PodOffer => ({
  gpuType,
  name: gpuType.replace("NVIDIA ", ""),
  memoryGb: 24,
  hourlyMicros,
  stock: "high",
  dataCenters: [{ id: "EU-RO-1", stock: "low" }],
});
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
const get = () => api.call("GET", "/backend/offers");

test("offers are read by the worker when none are known, and come the cheapest first", async () => {
  const offers = [
    offer("NVIDIA L4", null),
    offer("NVIDIA B200", 5_000_000),
    offer("NVIDIA A40", 400_000),
  ];
  worker = () => saveOffers(db, { offers, readAt: new Date() });
  const [status, body] = await get();
  expect(status).toBe(200);
  expect(body.items.map((item: { gpu_type: string }) => item.gpu_type)).toEqual([
    "NVIDIA A40",
    "NVIDIA B200",
    "NVIDIA L4",
  ]);
  expect(body.items[0]).toEqual({
    gpu_type: "NVIDIA A40",
    name: "A40",
    memory_gb: 24,
    hourly_rate_usd: 0.4,
    stock: "high",
    data_centers: [{ id: "EU-RO-1", stock: "low" }],
  });
  expect(body).not.toHaveProperty("warning");
});

test("for five minutes nobody is asked again", async () => {
  await saveOffers(db, { offers: [offer("NVIDIA A40", 1)], readAt: minutesAgo(4) });
  expect((await get())[0]).toBe(200);
  expect(api.temporal.calls).toEqual([]);
  await saveOffers(db, { offers: [offer("NVIDIA A40", 1)], readAt: minutesAgo(6) });
  await get();
  expect(api.temporal.calls).toEqual([["readOffers"]]);
});

test("an older list is returned with its time and the reason, when it cannot be read again", async () => {
  const readAt = minutesAgo(60);
  await saveOffers(db, { offers: [offer("NVIDIA A40", 1)], readAt });
  worker = () => saveOffers(db, { lastError: "RunPod is away." });
  const [status, body] = await get();
  expect([status, body.read_at, body.warning]).toEqual([
    200,
    readAt.toISOString(),
    "RunPod is away.",
  ]);
  api.temporal.isAway = true;
  expect((await get())[1].warning).toContain("worker");
});

test("without any list it is 502 pod_error with the reason; without a key 409", async () => {
  worker = () => saveOffers(db, { lastError: "RunPod refuses the key." });
  const [status, body] = await get();
  expect([status, body.error.code]).toEqual([502, "pod_error"]);
  expect(body.error.message).toContain("RunPod refuses the key.");
  const keyless = await createTestApi();
  expect((await keyless.call("GET", "/backend/offers"))[0]).toBe(409);
  await keyless.close();
});

test("once the catalogue is known, the settings take exactly its GPU types", async () => {
  await saveOffers(db, { offers: [offer("NVIDIA X9000", 1)], readAt: new Date() });
  const patch = (gpu: string) => api.call("PATCH", "/settings", { backend: { gpu_types: [gpu] } });
  expect((await patch("x9000"))[1].backend.gpu_types).toEqual(["NVIDIA X9000"]);
  const [status, body] = await patch("NVIDIA A40");
  expect(status).toBe(400);
  expect(body.error.details.errors[0].message).toContain("NVIDIA X9000");
});
