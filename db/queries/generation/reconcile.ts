import { and, asc, eq, gt, inArray, isNotNull, or, exists } from "drizzle-orm";
import type { Db } from "../../client";
import { photos } from "../../schema/photos";
import { sessions } from "../../schema/sessions";
import { type Step, steps } from "../../schema/steps";

const liveStep = inArray(steps.status, ["pending", "processing"]);

/** A session that must have an open run, and the steps that need the run. */
export type LiveSession = {
  id: string;
  liveSteps: Pick<Step, "id" | "status" | "notBefore" | "window">[];
  cancelRequestedStepIds: string[];
};

/** Sessions that are active, still hold a live step, or are deleted and wait for their end, by id, a page at a time. */
export async function listLiveSessions(
  db: Db,
  params: { afterId: string | null; limit: number },
): Promise<LiveSession[]> {
  const holdsLiveStep = exists(
    db
      .select({ id: steps.id })
      .from(steps)
      .where(and(eq(steps.sessionId, sessions.id), liveStep)),
  );
  const page = await db
    .select({ id: sessions.id })
    .from(sessions)
    .where(
      and(
        or(eq(sessions.status, "active"), isNotNull(sessions.deletedAt), holdsLiveStep),
        params.afterId === null ? undefined : gt(sessions.id, params.afterId),
      ),
    )
    .orderBy(asc(sessions.id))
    .limit(params.limit);
  if (page.length === 0) return [];
  const { sessionId, status, notBefore, window, cancelRequestedAt: cancel } = steps;
  const liveSteps = await db
    .select({ id: steps.id, sessionId, status, notBefore, window, cancel })
    .from(steps)
    .where(
      and(
        inArray(
          steps.sessionId,
          page.map((session) => session.id),
        ),
        liveStep,
      ),
    )
    .orderBy(asc(steps.position));
  return page.map(({ id }) => {
    const own = liveSteps.filter((step) => step.sessionId === id);
    return {
      id,
      liveSteps: own,
      cancelRequestedStepIds: own.filter((step) => step.cancel !== null).map((step) => step.id),
    };
  });
}

/** Photos that are still to be fetched, by id, a page at a time. */
export async function listLiveRetrievals(
  db: Db,
  params: { afterId: string | null; limit: number },
): Promise<{ id: string; sessionId: string | null; stepId: string | null; attempts: number }[]> {
  const { id, sessionId, stepId, retrievalAttempts: attempts } = photos;
  return db
    .select({ id, sessionId, stepId, attempts })
    .from(photos)
    .where(
      and(
        inArray(photos.retrievalStatus, ["pending", "processing"]),
        params.afterId === null ? undefined : gt(photos.id, params.afterId),
      ),
    )
    .orderBy(asc(photos.id))
    .limit(params.limit);
}

/** Which of these sessions are closed and without a live step: their runs may end. */
export async function listClosedSessions(db: Db, ids: string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const open = await db
    .selectDistinct({ id: sessions.id })
    .from(sessions)
    .leftJoin(steps, and(eq(steps.sessionId, sessions.id), liveStep))
    .where(and(inArray(sessions.id, ids), or(eq(sessions.status, "active"), isNotNull(steps.id))));
  const stillOpen = new Set(open.map((session) => session.id));
  return ids.filter((id) => !stillOpen.has(id));
}
