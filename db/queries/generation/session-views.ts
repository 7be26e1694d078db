import { and, desc, eq, inArray, isNull, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type Photo, photoColumns, photos } from "../../schema/photos";
import { type Session, sessions, type SessionStatus } from "../../schema/sessions";
import { steps } from "../../schema/steps";
import { isOlder, type Page, type TimePlace } from "../page";

/** A session with its number of steps and its newest visible image. */
export type SessionView = Session & { stepsCount: number; latestImage: Photo | null };

async function withDetails(db: Db | Tx, rows: Session[]): Promise<SessionView[]> {
  const ids = rows.map((session) => session.id);
  if (ids.length === 0) return [];
  const counts = await db
    .select({ sessionId: steps.sessionId, count: sql<number>`count(*)::int` })
    .from(steps)
    .where(inArray(steps.sessionId, ids))
    .groupBy(steps.sessionId);
  const latest = await db
    .selectDistinctOn([photos.sessionId], photoColumns)
    .from(photos)
    .where(
      and(
        inArray(photos.sessionId, ids),
        isNull(photos.deletedAt),
        eq(photos.retrievalStatus, "completed"),
      ),
    )
    .orderBy(photos.sessionId, desc(photos.createdAt), desc(photos.id));
  return rows.map((session) => ({
    ...session,
    stepsCount: counts.find((row) => row.sessionId === session.id)?.count ?? 0,
    latestImage: latest.find((photo) => photo.sessionId === session.id) ?? null,
  }));
}

/** A session as the API presents it; undefined when it does not exist. */
export async function findSessionView(
  db: Db | Tx,
  sessionId: string,
): Promise<SessionView | undefined> {
  const rows = await db
    .select()
    .from(sessions)
    .where(and(eq(sessions.id, sessionId), isNull(sessions.deletedAt)));
  const [view] = await withDetails(db, rows);
  return view;
}

/** Sessions, newest first. */
export async function listSessionViews(
  db: Db,
  params: { status: SessionStatus | null; after: TimePlace | null } & Page,
): Promise<SessionView[]> {
  const rows = await db
    .select()
    .from(sessions)
    .where(
      and(
        isNull(sessions.deletedAt),
        params.status === null ? undefined : eq(sessions.status, params.status),
        isOlder({ at: sessions.startedAt, id: sessions.id }, params.after),
      ),
    )
    .orderBy(desc(sessions.startedAt), desc(sessions.id))
    .limit(params.limit)
    .offset(params.offset);
  return withDetails(db, rows);
}

export async function countSessions(db: Db, status: SessionStatus | null): Promise<number> {
  const ofStatus = status === null ? undefined : eq(sessions.status, status);
  return db.$count(sessions, and(isNull(sessions.deletedAt), ofStatus));
}
