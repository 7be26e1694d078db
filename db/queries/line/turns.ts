import { and, desc, eq, isNotNull, isNull, lt, lte, not, type SQL, sql } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { Db, Tx } from "../../client";
import { type Backend, backends } from "../../schema/backends";
import { lockPlaceInForce } from "../backends/in-force";
import { type Step, steps } from "../../schema/steps";
import { type Turn, turns } from "../../schema/turns";
import { openingOf } from "../../opening";
import { recordWork } from "../pods/work";
import { modelListOf } from "../models/installs";
import { lackedModel } from "./lacked-model";
import { idleMs, rankIn, rankNow, rankOf } from "./rank";

type Owner = { stepId: string } | { photoId: string };

const of = (owner: Owner): SQL =>
  "stepId" in owner ? eq(turns.stepId, owner.stepId) : eq(turns.photoId, owner.photoId);

/** The requests that wait for a turn. Skipped: a step whose cancel was requested, that left the line, or whose window closed. */
export const waitingTurns = sql`
  turns left join steps on steps.id = turns.step_id left join photos on photos.id = turns.photo_id
  where turns.backend is null and not turns.parked and steps.cancel_requested_at is null
    and (turns.closes_at is null or turns.closes_at > now())`;

/** Those of them that can run at a place: it has their models. */
export const runnableTurns = (place: string): SQL =>
  sql`${waitingTurns} and ${lackedModel(modelListOf(place))} is null`;

/**
 * Grants the turn at a place, if it is free, to the first in the line that can run there. The caller has locked the place in
 * force.
 */
async function grantNext(tx: Tx, params: { backend: string; now: Date }): Promise<void> {
  const { backend, now } = params;
  await tx.execute(sql`
    update turns set backend = ${backend}, granted_at = ${now.toISOString()}::timestamptz
    where number = (select number from ${runnableTurns(backend)}
        order by turns.rank, turns.number limit 1)
      and not exists (select from turns where backend = ${backend})
      and not exists (select from pod_sessions where place = ${backend}
        and status in ('creating', 'booting', 'provisioning', 'draining', 'terminating'))
  `);
}

/** The holder, if its run was not notified yet. */
async function findUnnotified(tx: Tx, backend: string): Promise<Turn | undefined> {
  const [holder] = await tx
    .select()
    .from(turns)
    .where(and(eq(turns.backend, backend), isNull(turns.notifiedAt)));
  return holder;
}

export type AskedTurn = {
  turn: Turn;
  /** Of the place in force. */
  state: Backend;
  /** From 1, among those that can run; null when it holds the turn, or lacks a model. */
  position: number | null;
  /** A model that it needs and that the place in force lacks. */
  lacks: string | null;
  isHeld: boolean;
  /** The holder, if it is another run that must still be notified of its grant. */
  unnotified: Turn | undefined;
};

/**
 * Adds a run to the line for the place in force. If the turn is free and a check since `checkedSince` found InvokeAI ready,
 * grants it to the first that can run. Asking again keeps the position, or the turn. Undefined when the step or the photo does not exist.
 */
export async function askForTurn(
  db: Db,
  params: { owner: Owner; checkedSince: Date; now: Date; timeZone: string },
): Promise<AskedTurn | undefined> {
  const { owner, checkedSince, now } = params;
  return db.transaction(async (tx) => {
    const state = await lockPlaceInForce(tx);
    const { ref: backend } = state;
    const asked = sql`${now.toISOString()}::timestamptz`;
    if ("stepId" in owner) await joinLine(tx, { ...params, stepId: owner.stepId });
    else {
      await tx.execute(
        sql`insert into turns (photo_id, asked_at) select id, ${asked} from photos where id = ${owner.photoId} on conflict do nothing`,
      );
    }
    const isChecked = state.checkedAt !== null && state.checkedAt >= checkedSince;
    if (state.ready && isChecked) await grantNext(tx, { backend, now });
    // The answer to this request notifies the run.
    await tx
      .update(turns)
      .set({ notifiedAt: now })
      .where(and(of(owner), isNotNull(turns.backend), isNull(turns.notifiedAt)));
    const [turn] = await tx.select().from(turns).where(of(owner));
    if (!turn) return undefined;
    if (turn.backend !== null) {
      return { turn, state, position: null, lacks: null, isHeld: true, unnotified: undefined };
    }
    const [line] = await tx.execute<{ ahead: number; lacks: string | null; isHeld: boolean }>(sql`
      select exists (select from turns where backend = ${backend}) as "isHeld",
        (select count(*)::int from ${runnableTurns(backend)}
          and (turns.rank, turns.number) < (${turn.rank}, ${turn.number})) as ahead,
        (select ${lackedModel(state.modelList)} from ${waitingTurns} and turns.number = ${turn.number}) as lacks
    `);
    const { ahead, lacks, isHeld } = line!;
    const position = lacks === null ? ahead + 1 : null;
    return { turn, state, position, lacks, isHeld, unnotified: await findUnnotified(tx, backend) };
  });
}

/** Adds a step to the line, or puts it back with its number; its priority and its window may have changed. */
async function joinLine(
  tx: Tx,
  params: { stepId: string; now: Date; timeZone: string },
): Promise<void> {
  const { stepId, now } = params;
  const [step] = await tx.select().from(steps).where(eq(steps.id, stepId));
  if (!step) return;
  const place = placeOf(step, params);
  await tx
    .insert(turns)
    .values({ stepId, askedAt: now, ...place })
    .onConflictDoUpdate({
      target: turns.stepId,
      set: {
        ...place,
        // A step that comes back is a new reason to rent a GPU.
        askedAt: sql`case when ${turns.parked} then excluded.asked_at else ${turns.askedAt} end`,
        parked: false,
      },
      setWhere: isNull(turns.backend),
    });
}

/** A step that may not start now is closed at once. */
function placeOf(
  step: Step,
  { now, timeZone }: { now: Date; timeZone: string },
): { rank: number; closesAt: Date | null } {
  const rank = rankNow(step, now);
  if (step.status === "processing") return { rank, closesAt: null };
  const { opensAt, closesAt } = openingOf(step, now, timeZone);
  return { rank, closesAt: opensAt === null ? closesAt : now };
}

/** Lets idle steps that have waited for long enough go ahead of new ones. */
export async function promoteIdle(db: Db, now: Date): Promise<void> {
  const before = new Date(now.getTime() - idleMs);
  await db
    .update(turns)
    .set({ rank: rankOf("normal") })
    .from(steps)
    .where(
      and(
        eq(steps.id, turns.stepId),
        isNull(turns.backend),
        eq(turns.rank, rankOf("idle")),
        lt(sql`greatest(${steps.createdAt}, ${steps.notBefore})`, before.toISOString()),
      ),
    );
}

/**
 * Gives waiting steps the place in the line that their changed schedules call for. Returns those whose runs must ask again:
 * the end of their window is another one. The caller has locked the place in force.
 */
export async function moveInLine(
  tx: Tx,
  params: { changed: Step[]; now: Date; timeZone: string },
): Promise<string[]> {
  const mustAsk: string[] = [];
  for (const step of params.changed) {
    const ofStep = and(eq(turns.stepId, step.id), isNull(turns.backend), not(turns.parked));
    const [turn] = await tx.select().from(turns).where(ofStep);
    if (!turn) continue;
    const place = placeOf(step, params);
    await tx.update(turns).set(place).where(ofStep);
    if (turn.closesAt?.getTime() !== place.closesAt?.getTime()) mustAsk.push(step.id);
  }
  return mustAsk;
}

/**
 * Takes a waiting run out of the line, where it keeps its number; false when it holds its turn. `askedAt`: of the stay that it
 * leaves. A repeat that arrives late changes nothing once the run has come back.
 */
export async function leaveLine(
  db: Db,
  { owner, askedAt }: { owner: Owner; askedAt: Date },
): Promise<boolean> {
  return db.transaction(async (tx) => {
    // Turns are granted under the same lock.
    await lockPlaceInForce(tx);
    const isWaiting = and(of(owner), isNull(turns.backend), eq(turns.askedAt, askedAt));
    await tx.update(turns).set({ parked: true }).where(isWaiting);
    return (await tx.$count(turns, and(of(owner), isNotNull(turns.backend)))) === 0;
  });
}

/**
 * Steps in the line that should not wait there: another step of their session may start now and goes before them. A session
 * runs one step at a time. Without `sessionId`: of all sessions.
 */
export async function listOvertaken(
  db: Db | Tx,
  params: { sessionId: string | undefined; now: Date; timeZone: string },
): Promise<string[]> {
  const { sessionId, now, timeZone } = params;
  const other = alias(steps, "other");
  const pairs = await db
    .select({ id: steps.id, notBefore: other.notBefore, window: other.window })
    .from(turns)
    .innerJoin(steps, eq(steps.id, turns.stepId))
    .innerJoin(other, eq(other.sessionId, steps.sessionId))
    .where(
      and(
        isNull(turns.backend),
        not(turns.parked),
        eq(steps.status, "pending"),
        sessionId === undefined ? undefined : eq(steps.sessionId, sessionId),
        eq(other.status, "pending"),
        isNull(other.cancelRequestedAt),
        lt(rankIn(other.priority), turns.rank),
      ),
    );
  const overtaken = pairs.filter((pair) => openingOf(pair, now, timeZone).opensAt === null);
  return [...new Set(overtaken.map(({ id }) => id))];
}

/** Steps in the line whose window has closed; their runs leave by themselves, unless the change of their time did not reach them. */
export async function listClosed(db: Db, now: Date): Promise<string[]> {
  const rows = await db
    .select({ stepId: turns.stepId })
    .from(turns)
    .where(and(isNull(turns.backend), not(turns.parked), lte(turns.closesAt, now)));
  return rows.flatMap(({ stepId }) => stepId ?? []);
}

/** Releases a run's turn, or removes it from the line, and grants a free turn to the next. Returns a holder to notify. */
export async function releaseTurn(
  db: Db,
  params: { owner: Owner; now: Date },
): Promise<Turn | undefined> {
  const { owner, now } = params;
  return db.transaction(async (tx) => {
    const { ref: backend, ready } = await lockPlaceInForce(tx);
    const [released] = await tx.delete(turns).where(of(owner)).returning();
    if (released) await recordWork(tx, { turn: released, now });
    if (ready) await grantNext(tx, { backend, now });
    return findUnnotified(tx, backend);
  });
}

/**
 * Stores whether turns may be granted at `backend`, and grants a free turn if so; only while it is the place in force.
 * Returns the holders of all places, that of the place in force first.
 */
export async function openTurns(
  db: Db,
  params: { backend: string; ready: boolean; now: Date },
): Promise<Turn[]> {
  const { backend, ready, now } = params;
  return db.transaction(async (tx) => {
    const state = await lockPlaceInForce(tx);
    if (state.ref === backend) {
      // An activity may have found InvokeAI unreachable since then.
      const isReady = ready && state.connected;
      if (state.ready !== isReady) {
        await tx.update(backends).set({ ready: isReady }).where(eq(backends.ref, backend));
      }
      if (isReady) await grantNext(tx, { backend, now });
    }
    return tx
      .select()
      .from(turns)
      .where(isNotNull(turns.backend))
      .orderBy(desc(eq(turns.backend, state.ref)));
  });
}

/** Records that the holder's run was notified of its grant. */
export async function markNotified(
  db: Db,
  params: { number: number; notifiedAt: Date },
): Promise<void> {
  const { number, notifiedAt } = params;
  await db
    .update(turns)
    .set({ notifiedAt })
    .where(and(eq(turns.number, number), isNotNull(turns.backend)));
}

/** The holder's run is gone: from `now` on the turn counts as granted anew, and it must be notified again. */
export async function renewGrant(db: Db, params: { holder: Turn; now: Date }): Promise<void> {
  const { holder, now } = params;
  await db.transaction(async (tx) => {
    const [renewed] = await tx
      .update(turns)
      .set({ notifiedAt: null, grantedAt: now })
      .where(and(eq(turns.number, holder.number), isNotNull(turns.backend)))
      .returning({ number: turns.number });
    if (renewed) await recordWork(tx, { turn: holder, now });
  });
}

/** Deletes requests whose step or reproduction has ended, for example because its run was terminated. Returns how many. */
export async function dropEndedTurns(db: Db, now: Date): Promise<number> {
  return db.transaction(async (tx) => {
    const dropped = await tx
      .delete(turns)
      .where(
        sql`exists (select from steps where id = turns.step_id and status not in ('pending', 'processing'))
          or (photo_id is not null and not exists (
            select from reproductions where photo_id = turns.photo_id and judged_at is null))`,
      )
      .returning();
    for (const turn of dropped) await recordWork(tx, { turn, now });
    return dropped.length;
  });
}

export async function countWaitingTurns(db: Db): Promise<number> {
  const [row] = await db.execute<{ waiting: number }>(
    sql`select count(*)::int as waiting from ${waitingTurns}`,
  );
  return row?.waiting ?? 0;
}

/** Whether the line is not empty, but no run knows that it holds the turn. A run that left the line is not in it. */
export async function isLineStalled(db: Db): Promise<boolean> {
  const [row] = await db.execute<{ isStalled: boolean }>(sql`
    select exists (select from turns where not parked)
      and not exists (select from turns where notified_at is not null) as "isStalled"
  `);
  return row?.isStalled ?? false;
}
