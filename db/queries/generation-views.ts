import { and, asc, desc, eq, gte, inArray, isNull, not, sql, type SQL } from "drizzle-orm";
import type { Db, Tx } from "../client";
import { type Photo, photoColumns, photos } from "../schema/photos";
import { type Session, sessions, type SessionStatus } from "../schema/sessions";
import { type Step, type StepError, type StepProgress, stepProgress, steps } from "../schema/steps";
import type { ExpectedTurn } from "../turn-forecast";
import { findExpectedTurns } from "./line";

/** How the images of a step stand. */
type RetrievalCounts = { total: number; completed: number; pending: number; failed: number };

/** A step with what its slots, attempts, images and progress row say of it. */
export type StepView = Step & {
  seeds: number[];
  /** The newest attempt's; null before the first one. */
  batchId: string | null;
  retrieval: RetrievalCounts;
  /** Images that never came to be. */
  slotsFailed: number;
  /** Why the first of the missing images is missing. */
  missing: StepError | null;
  running: StepProgress | null;
  /** Of one that waits for its turn, where it can be told. */
  expected: ExpectedTurn | null;
};

const seeds = sql<number[]>`(
  select coalesce(json_agg(seed order by slot_index), '[]') from slots where step_id = ${steps.id}
)`;
const slotsFailed = sql<number>`(
  select count(*)::int from slots where step_id = ${steps.id} and status = 'failed'
)`;
const missing = sql<StepError | null>`(
  select error from slots where step_id = ${steps.id} and status in ('failed', 'lost')
  order by slot_index limit 1
)`;
const batchId = sql<string | null>`(
  select batch_id from attempts where step_id = ${steps.id} order by number desc limit 1
)`;
const retrieval = sql<RetrievalCounts>`(
  select json_build_object(
    'total', count(*),
    'completed', count(*) filter (where retrieval_status = 'completed'),
    'pending', count(*) filter (where retrieval_status in ('pending', 'processing')),
    'failed', count(*) filter (where retrieval_status = 'failed'))
  from photos where step_id = ${steps.id} and purged_at is null
)`;

async function viewSteps(db: Db | Tx, where: SQL | undefined, page?: Page): Promise<StepView[]> {
  const rows = await db
    .select({ step: steps, seeds, slotsFailed, missing, batchId, retrieval, running: stepProgress })
    .from(steps)
    .leftJoin(stepProgress, eq(stepProgress.stepId, steps.id))
    .where(where)
    .orderBy(asc(steps.position))
    .limit(page?.limit ?? 1)
    .offset(page?.offset ?? 0);
  const views = rows.map(({ step, ...rest }) => ({ ...step, ...rest }));
  return withExpectations(db, views);
}

/** Adds to each what is expected of its turn, if one of them waits for it. */
async function withExpectations<Shown extends Pick<Step, "id" | "status" | "turnPlace">>(
  db: Db | Tx,
  shown: Shown[],
): Promise<(Shown & { expected: ExpectedTurn | null })[]> {
  const isWaiting = shown.some((step) => step.status === "pending" && step.turnPlace !== null);
  const turns = isWaiting ? await findExpectedTurns(db) : new Map<string, ExpectedTurn>();
  return shown.map((step) => ({ ...step, expected: turns.get(step.id) ?? null }));
}

export type Page = { limit: number; offset: number };

/** A step as it is shown; undefined when there is none. */
export async function findStepView(db: Db | Tx, stepId: string): Promise<StepView | undefined> {
  const isDeleted = sql`exists (select from ${sessions} where ${sessions.id} = ${steps.sessionId} and ${sessions.deletedAt} is not null)`;
  const [view] = await viewSteps(db, and(eq(steps.id, stepId), not(isDeleted)));
  return view;
}

/** A session's steps in their order. `afterPosition`: those behind it, for pages by cursor. */
export async function listStepViews(
  db: Db | Tx,
  params: { sessionId: string; afterPosition: number | null } & Page,
): Promise<StepView[]> {
  const after =
    params.afterPosition === null ? undefined : sql`${steps.position} > ${params.afterPosition}`;
  return viewSteps(db, and(eq(steps.sessionId, params.sessionId), after), params);
}

export async function countSteps(db: Db | Tx, sessionId: string): Promise<number> {
  return db.$count(steps, eq(steps.sessionId, sessionId));
}

/** A session with how many steps it has and its newest image that can be looked at. */
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

/** A session as it is shown; undefined when there is none. */
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

/** A place in a list that is ordered by time, then id. */
export type TimePlace = { at: Date; id: string };

/** Sessions, newest first. */
export async function listSessionViews(
  db: Db,
  params: { status: SessionStatus | null; after: TimePlace | null } & Page,
): Promise<SessionView[]> {
  const { after } = params;
  const rows = await db
    .select()
    .from(sessions)
    .where(
      and(
        isNull(sessions.deletedAt),
        params.status === null ? undefined : eq(sessions.status, params.status),
        after === null
          ? undefined
          : sql`(${sessions.startedAt}, ${sessions.id}) < (${after.at.toISOString()}::timestamptz, ${after.id}::uuid)`,
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

/** The images of a step in the order of their seeds, without those in the trash. */
export async function listStepImages(db: Db, stepId: string): Promise<Photo[]> {
  return db
    .select(photoColumns)
    .from(photos)
    .where(and(eq(photos.stepId, stepId), isNull(photos.deletedAt)))
    .orderBy(asc(photos.slotIndex));
}

export type ImageFilter = {
  batchId: string | null;
  correlationId: string | null;
  since: Date | null;
};

function imagesWhere(filter: ImageFilter): SQL | undefined {
  // An image is of the last batch that was asked for its slot: a batch asks only for what is missing.
  const ofBatch = sql`exists (
    select from attempts a
    where a.batch_id = ${filter.batchId} and a.step_id = ${photos.stepId}
      and ${photos.slotIndex} = any(a.slot_indexes)
      and not exists (
        select from attempts b
        where b.step_id = a.step_id and b.number > a.number and ${photos.slotIndex} = any(b.slot_indexes)))`;
  const ofCorrelation = sql`exists (
    select from steps s where s.id = ${photos.stepId} and s.correlation_id = ${filter.correlationId}::uuid)`;
  return and(
    eq(photos.kind, "generated"),
    isNull(photos.deletedAt),
    filter.batchId === null ? undefined : ofBatch,
    filter.correlationId === null ? undefined : ofCorrelation,
    filter.since === null ? undefined : gte(photos.createdAt, filter.since),
  );
}

/** Generated images, newest first. */
export async function listGeneratedImages(
  db: Db,
  params: { filter: ImageFilter; after: TimePlace | null } & Page,
): Promise<Photo[]> {
  const { after } = params;
  return db
    .select(photoColumns)
    .from(photos)
    .where(
      and(
        imagesWhere(params.filter),
        after === null
          ? undefined
          : sql`(${photos.createdAt}, ${photos.id}) < (${after.at.toISOString()}::timestamptz, ${after.id}::uuid)`,
      ),
    )
    .orderBy(desc(photos.createdAt), desc(photos.id))
    .limit(params.limit)
    .offset(params.offset);
}

/** How many there are; counting stops at `bound`, or never when it is null. */
export async function countGeneratedImages(
  db: Db,
  params: { filter: ImageFilter; bound: number | null },
): Promise<number> {
  const found = db.select({ id: photos.id }).from(photos).where(imagesWhere(params.filter));
  const counted = params.bound === null ? found : found.limit(params.bound);
  const [row] = await db.select({ count: sql<number>`count(*)::int` }).from(counted.as("found"));
  return row?.count ?? 0;
}

/** What is shown of a step that has not ended. */
export type LiveStep = Pick<Step, "id" | "sessionId" | "status" | "progressMessage" | "turnPlace"> &
  Pick<StepView, "running" | "expected">;

/** The live steps of these sessions, or of all. */
export async function listLiveSteps(db: Db, sessionIds: string[] | "all"): Promise<LiveStep[]> {
  const live = await db
    .select({
      id: steps.id,
      sessionId: steps.sessionId,
      status: steps.status,
      progressMessage: steps.progressMessage,
      turnPlace: steps.turnPlace,
      running: stepProgress,
    })
    .from(steps)
    .leftJoin(stepProgress, eq(stepProgress.stepId, steps.id))
    .where(
      and(
        inArray(steps.status, ["pending", "processing"]),
        sessionIds === "all" ? undefined : inArray(steps.sessionId, sessionIds),
      ),
    )
    .orderBy(asc(steps.createdAt), asc(steps.id));
  return withExpectations(db, live);
}
