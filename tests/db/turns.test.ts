import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import {
  askForTurn,
  dropEndedTurns,
  releaseTurn,
  isLineStalled,
  markNotified,
  openTurns,
} from "#db/queries/line/turns";
import { putInForce } from "#db/queries/backends/in-force";
import { findWaits } from "#db/queries/line/line";
import { createTestDatabase } from "#tests/support/database";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
beforeAll(async () => (database = await createTestDatabase()));
afterAll(() => database.drop());

const backend = "local";
const checkedSince = new Date(0);
const id = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, "0")}`;
const now = new Date();

beforeEach(async () => {
  const { sql } = database;
  await sql`delete from turns`;
  await sql`delete from sessions`;
  await database.db.transaction((tx) => putInForce(tx, backend));
  await sql`update backends set connected = true, ready = true, checked_at = now() where ref = ${backend}`;
  await sql`insert into sessions (id, entry_type) select ${id(0)}::uuid, 'scratch'`;
  await sql`insert into steps (id, session_id, position, prompt, parameters, model_key, model_hash, model_name,
      correlation_id, batch_size, status)
    select (${id(0).slice(0, -2)} || lpad(n::text, 2, '0'))::uuid, ${id(0)}, n, '',
      '{"width":64,"height":64,"steps":4}'::jsonb, 'k', 'h', 'n', ${id(0)}, 1, 'pending'
    from generate_series(1, 40) as n`;
});

async function ask(n: number) {
  const asked = await askForTurn(database.db, {
    owner: { stepId: id(n) },
    checkedSince,
    now,
  });
  if (!asked) throw new Error("no such step");
  return { ...asked, holds: asked.turn.backend === backend };
}
const release = (n: number) => releaseTurn(database.db, { owner: { stepId: id(n) }, now });
const positions = async () =>
  new Map([...(await findWaits(database.db))].map(([step, wait]) => [step, wait.position]));

test("a free turn is granted at once; further turns are granted in the order of the requests", async () => {
  expect(await ask(1)).toMatchObject({ holds: true, position: null });
  expect(await ask(2)).toMatchObject({ holds: false, position: 1, isHeld: true });
  expect(await ask(3)).toMatchObject({ holds: false, position: 2 });
  expect((await release(1))?.stepId).toBe(id(2));
  expect(await positions()).toEqual(new Map([[id(3), 1]]));
  expect((await release(2))?.stepId).toBe(id(3));
  expect(await release(3)).toBeUndefined();
});

test("a repeated request keeps its position, its ticket and its turn", async () => {
  const first = await ask(1);
  const second = await ask(2);
  await ask(3);
  expect(await ask(1)).toMatchObject({ holds: true, turn: { number: first.turn.number } });
  expect(await ask(2)).toMatchObject({ position: 1, turn: { number: second.turn.number } });
});

test("a step that leaves the line moves up those behind it; the release of one that never asked changes nothing", async () => {
  for (const n of [1, 2, 3]) await ask(n);
  // The holder was notified by the answer to its request.
  expect(await release(2)).toBeUndefined();
  expect(await release(9)).toBeUndefined();
  expect(await positions()).toEqual(new Map([[id(3), 1]]));
});

test("a step with a requested cancel is skipped", async () => {
  for (const n of [1, 2, 3]) await ask(n);
  await database.sql`update steps set cancel_requested_at = now() where id = ${id(2)}`;
  expect(await positions()).toEqual(new Map([[id(3), 1]]));
  expect((await release(1))?.stepId).toBe(id(3));
});

test("no turn is granted while InvokeAI is not known to be ready, or its last check is too old", async () => {
  await database.sql`update backends set ready = false`;
  expect(await ask(1)).toMatchObject({ holds: false, position: 1, isHeld: false });
  expect(await openTurns(database.db, { backend, ready: false, now })).toEqual([]);
  expect((await openTurns(database.db, { backend, ready: true, now }))[0]?.stepId).toBe(id(1));
  await release(1);
  const late = { owner: { stepId: id(2) }, backend, checkedSince: new Date(Date.now() + 1), now };
  expect((await askForTurn(database.db, late))?.turn.backend).toBeNull();
  expect(await ask(2)).toMatchObject({ holds: true });
});

test("with forty concurrent requests and releases there is one holder at a time, and each step gets its turn", async () => {
  const served: number[] = [];
  const pending = new Set(Array.from({ length: 40 }, (_, index) => index + 1));
  await Promise.all([...pending].map(ask));
  for (let turn = 0; turn < 40; turn++) {
    const rows = await database.sql<{ id: string }[]>`
      select step_id as id from turns where backend is not null`;
    expect(rows).toHaveLength(1);
    const holder = Number(rows[0]!.id.slice(-2));
    served.push(holder);
    pending.delete(holder);
    // The same turn is released twice, while others ask again.
    await Promise.all([release(holder), release(holder), ...[...pending].slice(-3).map(ask)]);
  }
  expect(new Set(served).size).toBe(40);
  expect(await database.sql`select from turns`).toHaveLength(0);
});

test("of concurrent switches each puts one place in force, and no request misses it", async () => {
  const places = ["volume:a", "volume:b", backend];
  const put = (n: number) =>
    database.db.transaction((tx) => putInForce(tx, places[n % places.length]!));
  await Promise.all(Array.from({ length: 30 }, (_, n) => (n % 2 === 0 ? put(n / 2) : ask(n))));
  const inForce = await database.sql`select ref from backends where in_force`;
  expect(inForce).toHaveLength(1);
});

test("turns of ended steps are deleted, held or waiting; those of live steps stay", async () => {
  for (const n of [1, 2, 3]) await ask(n);
  await database.sql`update steps set status = 'failed', completed_at = now() where id in ${database.sql([id(1), id(3)])}`;
  expect(await dropEndedTurns(database.db, new Date())).toBe(2);
  expect((await openTurns(database.db, { backend, ready: true, now }))[0]?.stepId).toBe(id(2));
});

test("a line is stalled when steps wait and the turn has no holder, or its holder was not notified", async () => {
  const isStalled = () => isLineStalled(database.db);
  expect(await isStalled()).toBe(false);
  await ask(1);
  await ask(2);
  expect(await isStalled()).toBe(false);
  const next = (await release(1))!;
  expect(await isStalled()).toBe(true);
  await markNotified(database.db, { number: next.number, notifiedAt: now });
  expect(await isStalled()).toBe(false);
  await database.sql`update turns set backend = null, granted_at = null, notified_at = null`;
  expect(await isStalled()).toBe(true);
});
