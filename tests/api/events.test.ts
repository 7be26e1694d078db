import { afterAll, expect, test } from "bun:test";
import { and, eq, sql } from "drizzle-orm";
import { edgeLimits } from "#api/http/edge-limits";
import { serve } from "#api/serve";
import { loadConfig } from "#config";
import { insertEvents } from "#db/queries/events/events";
import { saveProgress } from "#db/queries/steps/progress";
import { events, type NewEvent } from "#db/schema/events";
import { steps } from "#db/schema/steps";
import { createTestApi } from "#tests/support/api";
import {
  expectSilentStreamToLive,
  openEventStream,
  type StreamMessage,
} from "#tests/support/event-stream";
import { insertModel } from "#tests/support/rows";
import { until } from "#tests/support/wait";

const api = await createTestApi();
const { db } = api.deps.database;
const { key: modelKey } = await insertModel(db);
// The two servers share only the database and the files.
const config = loadConfig({
  DATABASE_URL: api.deps.config.secrets.databaseUrl,
  DATA_DIR: api.dataDir,
  PORT: "0",
  LOG_LEVEL: "silent",
});
const servers = [await serve(config), await serve(config)];

afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await api.close();
});

async function openSession(): Promise<string> {
  const answer = await api.postJson("/api/v1/generation/sessions", { entry_type: "scratch" });
  return ((await answer.json()) as { id: string }).id;
}

async function requestStep(sessionId: string): Promise<string> {
  const answer = await api.postJson(`/api/v1/generation/sessions/${sessionId}/steps`, {
    prompt: "a lighthouse",
    parameters: { model_key: modelKey },
  });
  return ((await answer.json()) as { id: string }).id;
}

/** An event with a number in place of its photo's id, by which the tests recognise it. */
const marked = (sessionId: string | null, mark: number): NewEvent => ({
  type: "photo.retrieved",
  sessionId,
  data: { photo_id: `${mark}`, step_id: null },
});

const insertMarked = (sessionId: string | null, mark: number) =>
  db.transaction((tx) => insertEvents(tx, [marked(sessionId, mark)]));

const markIn = ({ data }: StreamMessage) => Number(JSON.parse(data).photo_id);

const streamOf = (server: number, sessionId: string, headers: Record<string, string> = {}) =>
  openEventStream(
    `${servers[server]!.url}/api/v1/generation/sessions/${sessionId}/events`,
    headers,
  );

const marksOf = (messages: StreamMessage[]) =>
  messages.filter((message) => message.event === "photo.retrieved").map(markIn);

const isMark = (mark: number) => (message: StreamMessage) =>
  message.event === "photo.retrieved" && markIn(message) === mark;

test("a new client gets the current state, then events with increasing ids", async () => {
  const sessionId = await openSession();
  await requestStep(sessionId);
  const stream = await streamOf(0, sessionId);
  expect(stream.response.headers.get("content-type")).toStartWith("text/event-stream");
  const snapshot = await stream.until((message) => message.event === "snapshot");
  expect(JSON.parse(snapshot.data)).toMatchObject({
    session: { id: sessionId, status: "active" },
    steps: [{ status: "pending" }],
  });
  for (const mark of [1, 2, 3]) await insertMarked(sessionId, mark);
  await insertMarked(null, 99);
  await stream.until(isMark(3));
  const ids = stream.seen.filter((message) => message.id).map((message) => Number(message.id));
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  expect(marksOf(stream.seen)).toEqual([1, 2, 3]);
  stream.close();
});

test("a client that switches from one api process to another gets every transition once, also when transactions commit out of order", async () => {
  const sessionId = await openSession();
  const first = await streamOf(0, sessionId);
  await first.until((message) => message.event === "snapshot");
  await insertMarked(sessionId, 1);
  const last = await first.until(isMark(1));
  first.close();

  // The first transaction has its event's id and waits; the second one must not become visible before it.
  const drawn = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const slow = db.transaction(async (tx) => {
    await insertEvents(tx, [marked(sessionId, 2)]);
    drawn.resolve();
    await release.promise;
  });
  await drawn.promise;
  const quick = insertMarked(sessionId, 3);
  const second = await streamOf(1, sessionId, { "last-event-id": last.id! });
  const visible = await db.select().from(events).where(eq(events.sessionId, sessionId));
  release.resolve();
  await Promise.all([slow, quick]);
  await insertMarked(sessionId, 4);
  await second.until(isMark(4));
  second.close();

  const marks = visible.filter((row) => row.type === "photo.retrieved");
  expect(marks.map((row) => row.data["photo_id"])).toEqual(["1"]);
  expect(marksOf([...first.seen, ...second.seen])).toEqual([1, 2, 3, 4]);
  expect(second.seen.some((message) => message.event === "snapshot")).toBe(false);
});

test("events that wait for another transaction get their ids, in order, after all of its events", async () => {
  const sessionId = await openSession();
  const waits = async () => {
    const [row] = await db.execute<{ waiting: number }>(
      sql`select count(*)::int as waiting from pg_locks
        where locktype = 'advisory' and not granted
          and database = (select oid from pg_database where datname = current_database())`,
    );
    return row?.waiting === 1;
  };
  let late: Promise<void> | undefined;
  await db.transaction(async (tx) => {
    await insertEvents(tx, [marked(sessionId, 1)]);
    late = db.transaction((other) =>
      insertEvents(other, [marked(sessionId, 3), marked(sessionId, 4), marked(sessionId, 5)]),
    );
    await until("the second transaction to wait for the first one", waits);
    await insertEvents(tx, [marked(sessionId, 2)]);
  });
  await late;

  const rows = await db
    .select()
    .from(events)
    .where(and(eq(events.sessionId, sessionId), eq(events.type, "photo.retrieved")))
    .orderBy(events.id);
  expect(rows.map((row) => row.data["photo_id"])).toEqual(["1", "2", "3", "4", "5"]);
});

test("with many concurrent writers no event is lost or repeated", async () => {
  const sessionId = await openSession();
  const stream = await streamOf(0, sessionId);
  await stream.until((message) => message.event === "snapshot");
  const marks = Array.from({ length: 80 }, (_, at) => at);
  await Promise.all(marks.map((mark) => insertMarked(sessionId, mark)));
  await insertMarked(sessionId, 1_000);
  await stream.until(isMark(1_000));
  expect(marksOf(stream.seen).toSorted((a, b) => a - b)).toEqual([...marks, 1_000]);
  stream.close();
}, 60_000);

test("a client that was disconnected for longer than events are kept gets a reset", async () => {
  const sessionId = await openSession();
  await insertMarked(sessionId, 1);
  await insertMarked(sessionId, 2);
  const [oldest] = await db.execute<{ id: number }>(sql`select min(id)::int as id from events`);
  await db.delete(events).where(eq(events.id, oldest!.id));
  for (const known of [String(oldest!.id - 1), "900000000", "not-an-id"]) {
    const stream = await streamOf(0, sessionId, { "last-event-id": known });
    await stream.until((message) => message.event === "snapshot");
    expect(stream.seen.map((message) => message.event)).toContain("reset");
    stream.close();
  }
});

test("progress of a running step is sent without an id, the current progress first", async () => {
  const sessionId = await openSession();
  const stepId = await requestStep(sessionId);
  await db.update(steps).set({ status: "processing" }).where(eq(steps.id, stepId));
  const save = (progress: number) =>
    saveProgress(db, {
      stepId,
      progress,
      imageProgress: null,
      message: "denoising",
      preview: null,
      estimatedCompletion: null,
      updatedAt: new Date(),
    });
  await save(0.25);
  const stream = await streamOf(0, sessionId);
  const isAt = (progress: number) => (message: StreamMessage) =>
    message.event === "step.progress" && JSON.parse(message.data).progress === progress;
  const first = await stream.until(isAt(0.25));
  expect(first.id).toBeUndefined();
  expect(JSON.parse(first.data)).toMatchObject({ step_id: stepId, progress_message: "denoising" });
  await save(0.5);
  await stream.until(isAt(0.5));
  stream.close();
});

test("the stream of all events carries the progress of every session, with its preview, as soon as it is notified", async () => {
  const stepId = await requestStep(await openSession());
  await db.update(steps).set({ status: "processing" }).where(eq(steps.id, stepId));
  const stream = await openEventStream(`${servers[0]!.url}/api/v1/events`);
  await stream.until((message) => message.event === "snapshot");
  // Without the notification each would take until the next poll, up to a second.
  for (let percent = 10; percent <= 90; percent += 10) {
    await saveProgress(db, {
      stepId,
      progress: percent / 100,
      imageProgress: 0.5,
      message: `at ${percent}`,
      preview: `data:image/png;base64,${percent}`,
      estimatedCompletion: new Date("2100-01-01"),
      updatedAt: new Date(),
    });
    const found = await stream.until((message) => message.data.includes(`"at ${percent}"`));
    expect([found.event, found.id]).toEqual(["step.progress", undefined]);
    expect(JSON.parse(found.data)).toMatchObject({
      step_id: stepId,
      progress: percent / 100,
      image_progress: 0.5,
      preview: `data:image/png;base64,${percent}`,
      estimated_completion: "2100-01-01T00:00:00.000Z",
    });
  }
  const [row] = await db.execute<{ n: number }>(
    sql`select count(*)::int as n from events where data::text like '%data:image%'`,
  );
  expect(row!.n).toBe(0);
  stream.close();
}, 5_000);

test("the stream of all events carries events without a session", async () => {
  const stream = await openEventStream(`${servers[0]!.url}/api/v1/events`);
  const snapshot = await stream.until((message) => message.event === "snapshot");
  expect(JSON.parse(snapshot.data)).toMatchObject({ backend: { connected: false } });
  await insertMarked(null, 5);
  await stream.until(isMark(5));
  stream.close();
});

test("an unknown session has no stream, and HEAD opens none", async () => {
  const base = `${servers[0]!.url}/api/v1/generation/sessions`;
  expect((await fetch(`${base}/${crypto.randomUUID()}/events`)).status).toBe(404);
  const head = await fetch(`${base}/${await openSession()}/events`, { method: "HEAD" });
  expect([head.status, head.headers.get("content-type")]).toEqual([
    200,
    "text/event-stream; charset=utf-8",
  ]);
});

test("a client that disconnects leaves no database connection behind", async () => {
  const sessionId = await openSession();
  const listening = async () => {
    const rows = await db.execute<{ n: number }>(
      sql`select count(*)::int as n from pg_stat_activity
          where application_name = 'gallery-events' and datname = current_database()`,
    );
    return rows[0]!.n;
  };
  const stream = await streamOf(0, sessionId);
  await stream.until((message) => message.event === "snapshot");
  while ((await listening()) !== 1) await Bun.sleep(20);
  stream.close();
  while ((await listening()) !== 0) await Bun.sleep(20);
}, 60_000);

test("a stream continues after its connection to the database was cut", async () => {
  const sessionId = await openSession();
  const stream = await streamOf(1, sessionId);
  await stream.until((message) => message.event === "snapshot");
  await db.execute(
    sql`select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'gallery-events' and datname = current_database()`,
  );
  await insertMarked(sessionId, 1);
  await stream.until(isMark(1));
  stream.close();
}, 60_000);

test("a stream without events outlives the time limit of an answer", async () => {
  // The server checks its time-outs every four seconds, so a time-out may come up to four seconds early.
  const limits = { answerSeconds: 8, keepAliveMs: 1_000 };
  const server = await serve(config, { limits });
  try {
    await expectSilentStreamToLive(server.url, 2 * limits.answerSeconds);
  } finally {
    await server.stop();
  }
}, 60_000);

test("several keep-alive comments fit into the time limit of an answer", () => {
  expect(edgeLimits.keepAliveMs * 4).toBeLessThan(edgeLimits.answerSeconds * 1_000);
});
