import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import {
  askForTurn,
  dropEndedTurns,
  leaveLine,
  listOvertaken,
  promoteIdle,
  releaseTurn,
  isLineStalled,
  markNotified,
  openTurns,
} from "#db/queries/line/turns";
import { putInForce } from "#db/queries/backends/in-force";
import { findNewestRequest } from "#db/queries/pods/demand";
import { findWaits } from "#db/queries/line/line";
import { eq } from "drizzle-orm";
import type { TimeWindow } from "#db/opening";
import { steps } from "#db/schema/steps";
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
    timeZone: "UTC",
  });
  if (!asked) throw new Error("no such step");
  return { ...asked, holds: asked.turn.backend === backend };
}
const release = (n: number) => releaseTurn(database.db, { owner: { stepId: id(n) }, now });
const leave = (n: number, askedAt = now) =>
  leaveLine(database.db, { owner: { stepId: id(n) }, askedAt });
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
  expect((await askForTurn(database.db, { ...late, timeZone: "UTC" }))?.turn.backend).toBeNull();
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

const prioritize = (n: number, priority: string) =>
  database.sql`update steps set priority = ${priority} where id = ${id(n)}`;
/** A window of three hours around the time in so many hours. */
const around = (hours: number): TimeWindow => {
  const at = (ahead: number) =>
    new Date(Date.now() + ahead * 3_600_000).toISOString().slice(11, 16);
  return { from: at(hours - 1.5), to: at(hours + 1.5) };
};
const setWindow = (n: number, window: TimeWindow) =>
  database.db
    .update(steps)
    .set({ window })
    .where(eq(steps.id, id(n)));

test("a step of priority now goes before those that wait, an idle one after them; the holder is not interrupted", async () => {
  await prioritize(3, "idle");
  await prioritize(5, "now");
  for (const n of [1, 2, 3, 4, 5]) await ask(n);
  expect(await positions()).toEqual(
    new Map([
      [id(5), 1],
      [id(2), 2],
      [id(4), 3],
      [id(3), 4],
    ]),
  );
  expect(await ask(3)).toMatchObject({ position: 4 });
  expect([...(await findWaits(database.db)).values()].map(({ isIdle }) => isIdle)).toEqual([
    false,
    false,
    false,
    true,
  ]);
  for (const [ended, next] of [
    [1, 5],
    [5, 2],
    [2, 4],
    [4, 3],
  ] as const) {
    expect((await release(ended))?.stepId).toBe(id(next));
  }
});

test("an idle step that has waited for a day goes before new ones, also when its run asks again", async () => {
  await prioritize(2, "idle");
  for (const n of [1, 2, 3]) await ask(n);
  await promoteIdle(database.db, now);
  expect((await positions()).get(id(2))).toBe(2);
  await database.sql`update steps set created_at = now() - interval '25 hours' where id = ${id(2)}`;
  await database.sql`update steps set not_before = now() - interval '1 hour' where id = ${id(2)}`;
  await promoteIdle(database.db, now);
  expect((await positions()).get(id(2))).toBe(2);
  await database.sql`update steps set not_before = null where id = ${id(2)}`;
  await promoteIdle(database.db, now);
  expect((await positions()).get(id(2))).toBe(1);
  expect(await ask(2)).toMatchObject({ position: 1 });
  // So does one that is that old when it asks first.
  await database.sql`update steps set created_at = now() - interval '25 hours', priority = 'idle' where id = ${id(4)}`;
  await ask(5);
  await ask(4);
  expect((await positions()).get(id(4))).toBe(4);
  await prioritize(3, "idle");
  await ask(3);
  expect((await positions()).get(id(3))).toBe(4);
});

test("a run that leaves the line gets no turn, keeps its number, and comes back to its place", async () => {
  for (const n of [1, 2, 3]) await ask(n);
  expect(await leave(2)).toBe(true);
  expect(await positions()).toEqual(new Map([[id(3), 1]]));
  expect(await ask(2)).toMatchObject({ position: 1 });
  expect(await leave(2)).toBe(true);
  expect((await release(1))?.stepId).toBe(id(3));
  // The holder does not leave.
  expect(await leave(3)).toBe(false);
});

test("a step gets no turn outside of its window, and one that may not start now none at all", async () => {
  await ask(1);
  await setWindow(2, around(0));
  await setWindow(3, around(6));
  expect(await findNewestRequest(database.db, backend)).toBeNull();
  const open = await ask(2);
  expect(open).toMatchObject({ position: 1 });
  expect(open.turn.closesAt!.getTime()).toBeGreaterThan(Date.now());
  expect(await findNewestRequest(database.db, backend)).toEqual(now);
  const closed = await ask(3);
  expect(closed.turn.closesAt).toEqual(now);
  expect(await positions()).toEqual(new Map([[id(2), 1]]));
  await database.sql`update turns set closes_at = now() where step_id = ${id(2)}`;
  expect(await release(1)).toBeUndefined();
  expect(await findNewestRequest(database.db, backend)).toBeNull();
  await ask(4);
  expect(await positions()).toEqual(new Map());
  // Once a step has started, it goes on at any time.
  await database.sql`update steps set status = 'processing' where id = ${id(3)}`;
  expect((await ask(3)).turn.closesAt).toBeNull();
});

test("a waiting step is overtaken by one of its session that goes first and may start now, also in its window", async () => {
  const overtaken = (sessionId?: string) =>
    listOvertaken(database.db, { sessionId, now: new Date(), timeZone: "UTC" });
  await prioritize(2, "idle");
  for (const n of [1, 2]) await ask(n);
  await database.sql`update steps set status = 'cancelled', completed_at = now() where id not in (${id(1)}, ${id(2)}, ${id(3)})`;
  await database.sql`update steps set status = 'processing' where id = ${id(1)}`;
  expect(await overtaken()).toEqual([id(2)]);
  expect(await overtaken(id(9))).toEqual([]);
  await database.sql`update steps set not_before = now() + interval '1 hour' where id = ${id(3)}`;
  expect(await overtaken()).toEqual([]);
  await database.sql`update steps set not_before = null where id = ${id(3)}`;
  await setWindow(3, around(0));
  expect(await overtaken()).toEqual([id(2)]);
  await setWindow(3, around(6));
  expect(await overtaken()).toEqual([]);
  await database.sql`update steps set "window" = null, cancel_requested_at = now() where id = ${id(3)}`;
  expect(await overtaken()).toEqual([]);
  await database.sql`update steps set cancel_requested_at = null, priority = 'idle' where id = ${id(3)}`;
  expect(await overtaken()).toEqual([]);
  // A run that has left already is not listed again.
  await database.sql`update steps set priority = 'now' where id = ${id(3)}`;
  expect(await overtaken()).toEqual([id(2)]);
  await leave(2);
  expect(await overtaken()).toEqual([]);
});

test("a line of runs that left it is not stalled, and one that comes back is a new reason to rent a GPU", async () => {
  await ask(1);
  await ask(2);
  await leave(2);
  await release(1);
  expect(await isLineStalled(database.db)).toBe(false);
  const later = new Date(now.getTime() + 3_600_000);
  const asked = (at: Date) =>
    askForTurn(database.db, {
      owner: { stepId: id(2) },
      checkedSince: later,
      now: at,
      timeZone: "UTC",
    });
  expect((await asked(later))?.turn.askedAt).toEqual(later);
  // A repeat of its leaving that arrives only now.
  await leave(2);
  expect((await positions()).get(id(2))).toBe(1);
  expect((await asked(new Date(later.getTime() + 1)))?.turn.askedAt).toEqual(later);
});

test("the next turn is found by the index, without reading those behind it", async () => {
  await ask(1);
  for (let n = 2; n <= 40; n++) await ask(n);
  await database.sql`analyze turns`;
  await database.sql.begin(async (sql) => {
    await sql`set local enable_seqscan = off`;
    const plan =
      await sql`explain select number from turns where backend is null and not parked order by rank, number limit 1`;
    expect(plan.map((row) => row["QUERY PLAN"]).join("\n")).toContain("turns_waiting");
  });
});
