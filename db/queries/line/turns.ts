import { and, desc, eq, isNotNull, isNull, type SQL, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type Backend, backends } from "../../schema/backends";
import { lockPlaceInForce } from "../backends/in-force";
import { type Turn, turns } from "../../schema/turns";
import { recordWork } from "../pods/work";
import { modelListOf } from "../models/installs";
import { lackedModel } from "./lacked-model";

type Owner = { stepId: string } | { photoId: string };

const of = (owner: Owner): SQL =>
  "stepId" in owner ? eq(turns.stepId, owner.stepId) : eq(turns.photoId, owner.photoId);

/** The requests that wait for a turn. A step whose cancel was requested is skipped. */
export const waitingTurns = sql`
  turns left join steps on steps.id = turns.step_id left join photos on photos.id = turns.photo_id
  where turns.backend is null and steps.cancel_requested_at is null`;

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
    where number = (select number from ${runnableTurns(backend)} order by number limit 1)
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
  params: { owner: Owner; checkedSince: Date; now: Date },
): Promise<AskedTurn | undefined> {
  const { owner, checkedSince, now } = params;
  return db.transaction(async (tx) => {
    const state = await lockPlaceInForce(tx);
    const { ref: backend } = state;
    const asked = sql`${now.toISOString()}::timestamptz`;
    await tx.execute(
      "stepId" in owner
        ? sql`insert into turns (step_id, asked_at) select id, ${asked} from steps where id = ${owner.stepId} on conflict do nothing`
        : sql`insert into turns (photo_id, asked_at) select id, ${asked} from photos where id = ${owner.photoId} on conflict do nothing`,
    );
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
        (select count(*)::int from ${runnableTurns(backend)} and turns.number < ${turn.number}) as ahead,
        (select ${lackedModel(state.modelList)} from ${waitingTurns} and turns.number = ${turn.number}) as lacks
    `);
    const { ahead, lacks, isHeld } = line!;
    const position = lacks === null ? ahead + 1 : null;
    return { turn, state, position, lacks, isHeld, unnotified: await findUnnotified(tx, backend) };
  });
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

/** Whether the line is not empty, but no run knows that it holds the turn. */
export async function isLineStalled(db: Db): Promise<boolean> {
  const [row] = await db.execute<{ isStalled: boolean }>(sql`
    select exists (select from turns)
      and not exists (select from turns where notified_at is not null) as "isStalled"
  `);
  return row?.isStalled ?? false;
}
