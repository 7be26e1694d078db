import { afterAll, afterEach, beforeEach, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { sendNotices } from "#activities/worker/notices";
import { insertEvents } from "#db/queries/events/events";
import type { NewEvent } from "#db/schema/events";
import { createTestDatabase } from "#tests/support/database";
import { until } from "#tests/support/wait";

const database = await createTestDatabase();
const { db } = database;
const received: Record<string, any>[] = [];
let status = 200;
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    if (status === 200) received.push((await request.json()) as Record<string, any>);
    return new Response("", { status, headers: { location: "/elsewhere" } });
  },
});
const secret = "a-secret-part-of-the-address";
const url = `http://127.0.0.1:${server.port}/${secret}`;
const faults: string[] = [];
let stopping: AbortController;
let now: Date | null = null;

function start(): void {
  stopping = new AbortController();
  const options = {
    everyMs: 10,
    retryMs: 10,
    onFault: (error: unknown) => void faults.push(String(error)),
    signal: stopping.signal,
  };
  void sendNotices({ database, url, now: () => now ?? new Date() }, options);
}

const cursor = async () =>
  (await db.execute<{ at: number }>(sql`select event_id::float8 as at from notice_cursor`))[0]?.at;

beforeEach(async () => {
  // Not truncate, which waits for a reader that waits for it.
  await db.execute(sql`delete from notice_cursor`);
  await db.execute(sql`delete from events`);
  received.length = 0;
  faults.length = 0;
  status = 200;
  now = null;
  start();
  await until("a cursor", async () => (await cursor()) !== undefined);
});
afterEach(() => stopping.abort());
afterAll(async () => {
  await server.stop(true);
  await database.drop();
});

const pod = {
  pod_session_id: crypto.randomUUID(),
  pod_id: "pod1",
  gpu: "NVIDIA L4",
  message: "Idle.",
  status: "ended" as const,
};
const changed = (to: "booting" | "ready"): NewEvent => ({
  type: "pod.changed",
  sessionId: null,
  data: { ...pod, status: to },
});
const ended = (cost: number): NewEvent => ({
  type: "pod.ended",
  sessionId: null,
  data: { ...pod, reason: "idle", cost_usd: cost },
});
const emit = (...events: NewEvent[]) => db.transaction((tx) => insertEvents(tx, events));
const texts = () => received.map(({ text }) => text);

test("start and end with the bill are one sentence each, in order, and other events none", async () => {
  await emit(changed("booting"), changed("ready"));
  await emit({
    type: "backend.changed",
    sessionId: null,
    data: { connected: true, api_version: null },
  });
  await emit(ended(1.234));
  await until("two notices", () => received.length >= 2);
  expect(texts()).toEqual([
    "A GPU was rented: NVIDIA L4, pod pod1.",
    "Pod pod1 has ended. Idle. It cost $1.23.",
  ]);
  expect(received[1]).toMatchObject({ event: "pod.ended", data: { cost_usd: 1.234 } });
});

test("each kind of trouble has its sentence", async () => {
  const budget = { ...pod, limit: "month" as const, limit_usd: 25, cost_usd: 20 };
  await emit(
    { type: "pod.budget_near", sessionId: null, data: budget },
    { type: "pod.end_unconfirmed", sessionId: null, data: pod },
    { type: "pod.key_refused", sessionId: null, data: pod },
    { type: "pod.orphan_ended", sessionId: null, data: { pod_id: "pod2", name: "gallery-x" } },
    {
      type: "pod.failed",
      sessionId: null,
      data: { ...pod, reason: "boot_timeout", cost_usd: 0.1 },
    },
    // Nothing was rented.
    {
      type: "pod.failed",
      sessionId: null,
      data: { ...pod, pod_id: null, reason: "refused", cost_usd: 0 },
    },
    ended(0),
  );
  await until("six notices", () => received.length >= 6);
  const parts = ["80 %", "console.runpod.io", "RUNPOD_API_KEY", "pod2", "$0.10", "$0.00"];
  expect(texts()).toEqual(parts.map((part) => expect.stringContaining(part)));
});

test("a receiver that is away or redirects gets the notice once it accepts, and its address is in no fault", async () => {
  status = 503;
  await emit(ended(1), ended(2));
  await until("two faults", () => faults.length >= 2);
  status = 302;
  await until("a redirect", () => faults.some((fault) => fault.includes("302")));
  status = 200;
  await until("both notices", () => received.length >= 2);
  expect(received.map(({ data }) => data.cost_usd)).toEqual([1, 2]);
  expect(faults.join()).not.toContain(secret);
});

test("two workers and a restart send each notice in order; only one that was on its way comes twice, with its id", async () => {
  start();
  const second = stopping;
  await emit(...Array.from({ length: 20 }, (_, n) => ended(n)));
  await until("a first notice", () => received.length > 0);
  second.abort();
  start();
  await emit(ended(99));
  await until("the last one", () => received.at(-1)?.["data"].cost_usd === 99);
  const once = [...new Map(received.map((notice) => [notice["id"], notice])).values()];
  expect(once.map(({ data }) => data.cost_usd)).toEqual([...Array(20).keys(), 99]);
  expect(received.length).toBeLessThanOrEqual(once.length + 1);
});

test("what is a day old, or happened before notices were on, is not sent", async () => {
  now = new Date(Date.now() + 25 * 60 * 60_000);
  const before = await cursor();
  await emit(ended(1));
  await until("it to be passed", async () => (await cursor())! > before!);
  now = null;
  await emit(ended(2));
  await until("a notice", () => received.length > 0);
  expect(received.map(({ data }) => data.cost_usd)).toEqual([2]);
});

test("a failed backup, and a move that waits, is a notice with its reason; a completed backup and a move that goes on is none", async () => {
  const backup = { backup_id: crypto.randomUUID(), name: "a", trigger: "schedule" as const };
  const counts = { originals: 1, bytes: 1, new_originals: 1, new_bytes: 1, missing: 0 };
  const places = { source: "disk", target: "s3", status: "copying" } as const;
  const move = { move_id: crypto.randomUUID(), ...places };
  await emit(
    { type: "backup.completed", sessionId: null, data: { ...backup, ...counts } },
    {
      type: "backup.failed",
      sessionId: null,
      data: { ...backup, error: "There is no room left." },
    },
    { type: "storage.move.resumed", sessionId: null, data: move },
    { type: "storage.move.waiting", sessionId: null, data: { ...move, message: "It is full." } },
  );
  await until("two notices", () => received.length > 1);
  expect(texts()).toEqual([
    "A backup has failed. There is no room left.",
    "The move of the photos to another storage waits. It is full.",
  ]);
});
