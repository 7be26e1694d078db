import { afterAll, beforeAll, expect, test } from "bun:test";
import { drizzle } from "drizzle-orm/postgres-js";
import { findExpectedTurns } from "#db/queries/line";
import { findSecondsPerImage } from "#db/queries/pace";
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

/** A step with one batch that took so long; each in a session of its own. */
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
    turnPlace?: number;
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
      batch_size, status, turn_place, completed_at)
    values (${step}, ${step}, 1, '', ${JSON.stringify({ ...kind, ...its.parameters })}::jsonb, 'k', ${its.modelHash ?? "hash"}, 'n',
      ${step}, ${images}, ${status}, ${its.turnPlace ?? null},
      ${isOver ? sql`now() - interval '1 day' + ${made} * interval '1 second'` : null})`;
  await sql`insert into slots (step_id, slot_index, seed, status)
    select ${step}, n, n, ${its.slot ?? (isOver ? "filled" : "open")} from generate_series(1, ${images}) as n`;
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

test("what such an image took before: the median of the newest batches of its model and number of pixels", async () => {
  expect(await secondsOf()).toBeNull();
  // 2 images of 10 steps: 0.1, 0.2 and 9 seconds an image and step.
  for (const seconds of [2, 4, 180]) await insertStep({ seconds });
  // A picture on its side has as many pixels; another size, model or place, a cut batch and a failed image do not count.
  await insertStep({ seconds: 4, parameters: { width: 32, height: 64 } });
  await insertStep({ seconds: 400, parameters: { width: 128 } });
  await insertStep({ seconds: 400, modelHash: "other" });
  await insertStep({ seconds: 400, backend: "pod" });
  await insertStep({ seconds: 400, outcome: "interrupted" });
  await insertStep({ seconds: 400, slot: "failed" });
  expect(await secondsOf()).toBeCloseTo(2, 1);
  expect(await secondsOf({ steps: 20 })).toBeCloseTo(4, 1);
  // Half of a picture that is changed by half is drawn.
  expect(await secondsOf({ strength: 0.5 })).toBeCloseTo(1, 1);
  // The newest twenty only.
  for (let count = 0; count < 20; count++) await insertStep({ seconds: 20 });
  expect(await secondsOf()).toBeCloseTo(10, 1);
});

test("the start of those in the line is expected from who generates and who is before them", async () => {
  const holder = await insertStep({ status: "processing", outcome: null });
  const second = await insertStep({ status: "pending", turnPlace: 2 });
  const first = await insertStep({ status: "pending", turnPlace: 1, images: 6 });
  const seen = async () => {
    const turns = await findExpectedTurns(database.db);
    return [first, second].map((step) => turns.get(step)?.startInSeconds);
  };
  // Not reached; then nothing known of who generates.
  expect(await seen()).toEqual([undefined, undefined]);
  await database.sql`insert into backends (ref, connected) values ('local', true)`;
  expect(await seen()).toEqual([undefined, undefined]);
  await database.sql`insert into step_progress (step_id, progress, estimated_completion)
    values (${holder}, 0.5, now() + interval '2 minutes')`;
  const [starts, after] = await seen();
  expect(starts).toBeOneOf([120, 130]);
  expect(after).toBe((starts ?? 0) + 60);
  // It only fetches its images: out of the way.
  await database.sql`update attempts set settled_at = now(), outcome = 'finished' where step_id = ${holder}`;
  expect((await seen())[0]).toBeOneOf([0, 10]);
});

test("the newest batches of a kind are found by an index, among many", async () => {
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
  const asked: { query: string; params: unknown[] }[] = [];
  const logger = { logQuery: (query: string, params: unknown[]) => asked.push({ query, params }) };
  const db = drizzle(database.sql, { schema, logger });
  await findSecondsPerImage(db, { modelHash: "hash1", parameters }, "local");
  const { query, params } = asked[0]!;
  const rows = await database.sql.unsafe(`explain ${query}`, params as never[]);
  const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
  expect(plan).toMatch(/Index Scan Backward using steps_pace/);
  expect(plan).not.toContain("Seq Scan on steps");
}, 30_000);
