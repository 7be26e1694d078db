import { afterAll, beforeAll, expect, test } from "bun:test";
import { drizzle } from "drizzle-orm/postgres-js";
import { findWaits } from "#db/queries/line/line";
import { findSecondsPerImage } from "#db/queries/generation/pace";
import * as schema from "#db/schema/index";
import { createTestDatabase } from "#tests/support/database";

let database: Awaited<ReturnType<typeof createTestDatabase>>;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const id = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}`;
const kind = { width: 64, height: 32, steps: 10 };
let made = 0;

/** Inserts a step with one batch of this duration, in a new session. */
async function insertStep(
  its: {
    seconds?: number;
    images?: number;
    status?: string;
    modelHash?: string;
    parameters?: object;
    backend?: string;
    outcome?: string | null;
    slot?: string;
    isInLine?: boolean;
  } = {},
): Promise<string> {
  const { sql } = database;
  const step = id(++made);
  const status = its.status ?? "completed";
  const isOver = status === "completed";
  const { images = 2, seconds = 1, outcome = "finished" } = its;
  await sql`insert into sessions (id, entry_type) values (${step}, 'scratch')`;
  await sql`
    insert into steps (id, session_id, position, prompt, parameters, model_key, model_hash, model_name, correlation_id,
      batch_size, status, completed_at)
    values (${step}, ${step}, 1, '', ${JSON.stringify({ ...kind, ...its.parameters })}::jsonb, 'k', ${its.modelHash ?? "hash"}, 'n',
      ${step}, ${images}, ${status},
      ${isOver ? sql`now() - interval '1 day' + ${made} * interval '1 second'` : null})`;
  await sql`insert into slots (step_id, slot_index, seed, status)
    select ${step}, n, n, ${its.slot ?? (isOver ? "filled" : "open")} from generate_series(1, ${images}) as n`;
  if (its.isInLine) await sql`insert into turns (step_id, asked_at) values (${step}, now())`;
  if (status === "pending") return step;
  await sql`
    insert into attempts (step_id, number, batch_id, backend, slot_indexes, accepted_at, settled_at, outcome)
    values (${step}, 1, ${step}, ${its.backend ?? "local"}, (select array_agg(n) from generate_series(1, ${images}) as n),
      now() - ${seconds} * interval '1 second', ${outcome === null ? null : sql`now()`}, ${outcome})`;
  return step;
}

const parameters = {
  modelKey: "k",
  modelHash: "hash",
  ...kind,
  cfgScale: 7,
  scheduler: "euler",
  batchSize: 2,
  seed: 0,
};
const secondsOf = (its: object = {}) =>
  findSecondsPerImage(
    database.db,
    { modelHash: "hash", parameters: { ...parameters, ...its } },
    "local",
  );

test("the seconds per image are the median of the newest batches of the same model and number of pixels", async () => {
  expect(await secondsOf()).toBeNull();
  // 2 images of 10 steps: 0.1, 0.2 and 9 seconds per image and step.
  for (const seconds of [2, 4, 180]) await insertStep({ seconds });
  // Portrait and landscape have equally many pixels. Another size, model or backend, an interrupted batch and a failed
  // image do not count.
  await insertStep({ seconds: 4, parameters: { width: 32, height: 64 } });
  await insertStep({ seconds: 400, parameters: { width: 128 } });
  await insertStep({ seconds: 400, modelHash: "other" });
  await insertStep({ seconds: 400, backend: "pod" });
  await insertStep({ seconds: 400, outcome: "interrupted" });
  await insertStep({ seconds: 400, slot: "failed" });
  expect(await secondsOf()).toBeCloseTo(2, 1);
  expect(await secondsOf({ steps: 20 })).toBeCloseTo(4, 1);
  // A strength of 0.5 runs half of the steps.
  expect(await secondsOf({ strength: 0.5 })).toBeCloseTo(1, 1);
  // Only the newest twenty count.
  for (let count = 0; count < 20; count++) await insertStep({ seconds: 20 });
  expect(await secondsOf()).toBeCloseTo(10, 1);
});

test("the expected start of a waiting step follows from the generating step and the steps before it", async () => {
  const holder = await insertStep({ status: "processing", outcome: null });
  const first = await insertStep({ status: "pending", isInLine: true, images: 6 });
  const second = await insertStep({ status: "pending", isInLine: true });
  const seen = async () => {
    const waits = await findWaits(database.db);
    return [first, second].map((step) => waits.get(step)?.expected?.startInSeconds);
  };
  // The backend is not reached; then the progress of the generating step is unknown.
  expect(await seen()).toEqual([undefined, undefined]);
  await database.sql`update backends set connected = true where ref = 'local'`;
  expect(await seen()).toEqual([undefined, undefined]);
  await database.sql`insert into step_progress (step_id, progress, estimated_completion)
    values (${holder}, 0.5, now() + interval '2 minutes')`;
  const [starts, after] = await seen();
  expect(starts).toBeOneOf([120, 130]);
  expect(after).toBe((starts ?? 0) + 60);
  // The holder only fetches its images: it no longer delays the others.
  await database.sql`update attempts set settled_at = now(), outcome = 'finished' where step_id = ${holder}`;
  expect((await seen())[0]).toBeOneOf([0, 10]);
});

test("the newest batches of a model and size are found through an index", async () => {
  await database.sql`
    insert into sessions (id, entry_type)
    select ('00000000-0000-7000-9000-' || lpad(n::text, 12, '0'))::uuid, 'scratch' from generate_series(1, 5000) as n`;
  await database.sql`
    insert into steps (id, session_id, position, prompt, parameters, model_key, model_hash, model_name, correlation_id,
      batch_size, status, completed_at)
    select id, id, 1, '', ${JSON.stringify(kind)}::jsonb, 'k', 'hash' || (random() * 5)::int, 'n', id, 1, 'completed',
      now() - interval '2 days'
    from sessions where id > '00000000-0000-7000-9000-000000000000'`;
  await database.sql`
    insert into attempts (step_id, number, batch_id, backend, slot_indexes, accepted_at, settled_at, outcome)
    select id, 1, id, 'local', '{0}', now(), now(), 'finished' from steps
    where id > '00000000-0000-7000-9000-000000000000'`;
  await database.sql`vacuum analyze`;
  const logged: { query: string; params: unknown[] }[] = [];
  const logger = { logQuery: (query: string, params: unknown[]) => logged.push({ query, params }) };
  const db = drizzle(database.sql, { schema, logger });
  await findSecondsPerImage(db, { modelHash: "hash1", parameters }, "local");
  const { query, params } = logged[0]!;
  const rows = await database.sql.unsafe(`explain ${query}`, params as never[]);
  const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
  expect(plan).toMatch(/Index Scan Backward using steps_pace/);
  expect(plan).not.toContain("Seq Scan on steps");
}, 60_000);
