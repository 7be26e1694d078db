import { and, asc, desc, eq, inArray, isNull, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type Grid, grids } from "../../schema/grids";
import { photos } from "../../schema/photos";
import { sessions, type SessionStatus } from "../../schema/sessions";
import { type StepStatus, stepStatuses, steps } from "../../schema/steps";
import { isOlder, type Page, type TimePlace } from "../page";

/** A grid with the state of its session and its cells. */
export type GridView = Grid & {
  title: string | null;
  sessionStatus: SessionStatus;
  createdAt: Date;
  counts: Record<StepStatus, number>;
};

/** Writes a grid. Its session and steps were written in the same transaction. */
export async function insertGrid(tx: Tx, grid: Grid): Promise<void> {
  await tx.insert(grids).values(grid);
}

const counts = sql<Record<StepStatus, number>>`(
  select json_build_object(${sql.raw(
    stepStatuses
      .map((status) => `'${status}', count(*) filter (where s.status = '${status}')`)
      .join(", "),
  )})
  from steps s where s.id = any(${grids.stepIds})
)`;

const view = {
  id: grids.id,
  axes: grids.axes,
  columns: grids.columns,
  stepIds: grids.stepIds,
  title: sessions.title,
  sessionStatus: sessions.status,
  createdAt: sessions.startedAt,
  counts,
};

/** undefined when it does not exist, or its session was deleted. */
export async function findGrid(db: Db | Tx, id: string): Promise<GridView | undefined> {
  const [row] = await db
    .select(view)
    .from(grids)
    .innerJoin(sessions, eq(sessions.id, grids.id))
    .where(and(eq(grids.id, id), isNull(sessions.deletedAt)));
  return row;
}

/** Grids, newest first. */
export async function listGrids(
  db: Db,
  params: { after: TimePlace | null } & Page,
): Promise<GridView[]> {
  return db
    .select(view)
    .from(grids)
    .innerJoin(sessions, eq(sessions.id, grids.id))
    .where(
      and(
        isNull(sessions.deletedAt),
        isOlder({ at: sessions.startedAt, id: sessions.id }, params.after),
      ),
    )
    .orderBy(desc(sessions.startedAt), desc(sessions.id))
    .limit(params.limit)
    .offset(params.offset);
}

/** The steps of a session that have not ended, a running one first. */
export async function listLiveStepIds(tx: Tx, sessionId: string): Promise<string[]> {
  const live = await tx
    .select({ id: steps.id })
    .from(steps)
    .where(and(eq(steps.sessionId, sessionId), inArray(steps.status, ["processing", "pending"])))
    .orderBy(desc(steps.status), asc(steps.position));
  return live.map(({ id }) => id);
}

export async function countGrids(db: Db): Promise<number> {
  const [row] = await db
    .select({ count: sql<number>`count(*)::int` })
    .from(grids)
    .innerJoin(sessions, and(eq(sessions.id, grids.id), isNull(sessions.deletedAt)));
  return row?.count ?? 0;
}

/** An image of a cell, with what its picture is found by. */
export async function listGridImages(db: Db, stepIds: string[]) {
  const { id, kind, mimeType, retrievalStatus, stepId, slotIndex } = photos;
  return db
    .select({ id, kind, mimeType, retrievalStatus, stepId, selected: steps.selectedImageId })
    .from(photos)
    .innerJoin(steps, eq(steps.id, photos.stepId))
    .where(and(inArray(stepId, stepIds), isNull(photos.deletedAt)))
    .orderBy(asc(slotIndex));
}
