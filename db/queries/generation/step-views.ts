import { and, asc, eq, inArray, not, sql, type SQL } from "drizzle-orm";
import type { Enlargement } from "#generation-parameters";
import type { Db, Tx } from "../../client";
import { sessions } from "../../schema/sessions";
import {
  type Step,
  type StepError,
  type StepProgress,
  stepProgress,
  steps,
} from "../../schema/steps";
import type { Page } from "../page";
import { findWaits, type Wait } from "../line/line";

/** A step's images by retrieval status. */
type RetrievalCounts = { total: number; completed: number; pending: number; failed: number };

/** A step with values computed from its slots, attempts, images and progress row. */
export type StepView = Step & {
  seeds: number[];
  /** The final prompts by slot; empty unless the step was expanded. */
  expandedPrompts: { seed: number; prompt: string; negativePrompt: string | null }[];
  /** By slot, of a step that enlarges several pictures; else empty. */
  pictures: (Enlargement & { imageId: string | null })[];
  /** Of the newest attempt; null before the first one. */
  batchId: string | null;
  retrieval: RetrievalCounts;
  /** Images that exist, fetched or not. */
  slotsFilled: number;
  /** Images that were not generated and will not be unless the step is retried. */
  slotsFailed: number;
  /** The error of the first missing image. */
  missing: StepError | null;
  running: StepProgress | null;
  /** null: it does not wait for its turn. */
  wait: Wait | null;
};

const seeds = sql<number[]>`(
  select coalesce(json_agg(seed order by slot_index), '[]') from slots where step_id = ${steps.id}
)`;
const expandedPrompts = sql<StepView["expandedPrompts"]>`(
  select coalesce(json_agg(json_build_object(
    'seed', seed, 'prompt', slots.prompt, 'negativePrompt', slots.negative_prompt) order by slot_index), '[]')
  from slots where step_id = ${steps.id} and ${steps.expand}
)`;
const pictures = sql<StepView["pictures"]>`(
  select coalesce(json_agg(enlargement || jsonb_build_object('imageId', source_image_id) order by slot_index), '[]')
  from slots where step_id = ${steps.id} and enlargement is not null
)`;
const slotsFilled = sql<number>`(
  select count(*)::int from slots where step_id = ${steps.id} and status = 'filled'
)`;
// The slots of a step that failed before it sent anything are still open.
const slotsFailed = sql<number>`(
  select count(*)::int from slots where step_id = ${steps.id}
    and (status = 'failed' or (status = 'open' and ${steps.status} in ('completed', 'failed')))
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

const isInLine = sql<boolean>`exists (
  select from turns where step_id = ${steps.id} and backend is null and not parked
)`;

async function viewSteps(db: Db | Tx, where: SQL | undefined, page?: Page): Promise<StepView[]> {
  const rows = await db
    .select({
      step: steps,
      seeds,
      expandedPrompts,
      pictures,
      slotsFilled,
      slotsFailed,
      missing,
      batchId,
      retrieval,
      running: stepProgress,
      isInLine,
    })
    .from(steps)
    .leftJoin(stepProgress, eq(stepProgress.stepId, steps.id))
    .where(where)
    .orderBy(asc(steps.position))
    .limit(page?.limit ?? 1)
    .offset(page?.offset ?? 0);
  const views = rows.map(({ step, ...rest }) => ({ ...step, ...rest }));
  return withWaits(views, () => findWaits(db));
}

type Waits = ReadonlyMap<string, Wait>;

/** Adds `wait`; reads the line only if a step is in it. */
async function withWaits<Shown extends { id: string; isInLine: boolean }>(
  shown: Shown[],
  readWaits: () => Promise<Waits>,
): Promise<(Omit<Shown, "isInLine"> & { wait: Wait | null })[]> {
  const waits: Waits = shown.some((step) => step.isInLine) ? await readWaits() : new Map();
  return shown.map(({ isInLine, ...step }) => ({
    ...step,
    wait: (isInLine ? waits.get(step.id) : undefined) ?? null,
  }));
}

const isDeleted = sql`exists (
  select from ${sessions} where ${sessions.id} = ${steps.sessionId} and ${sessions.deletedAt} is not null
)`;

/** A safety bound; real libraries have fewer. */
const mostLive = 10_000;

/** A step as the API presents it; undefined when it does not exist. */
export async function findStepView(db: Db | Tx, stepId: string): Promise<StepView | undefined> {
  const [view] = await viewSteps(db, and(eq(steps.id, stepId), not(isDeleted)));
  return view;
}

/** A session's steps in order. `afterPosition`: only those behind it, for pages by cursor. */
export async function listStepViews(
  db: Db | Tx,
  params: { sessionId: string; afterPosition: number | null } & Page,
): Promise<StepView[]> {
  const after =
    params.afterPosition === null ? undefined : sql`${steps.position} > ${params.afterPosition}`;
  return viewSteps(db, and(eq(steps.sessionId, params.sessionId), after), params);
}

/** All live steps. */
export async function listLiveStepViews(db: Db): Promise<StepView[]> {
  const isLive = inArray(steps.status, ["pending", "processing"]);
  return viewSteps(db, and(isLive, not(isDeleted)), { limit: mostLive, offset: 0 });
}

export async function countSteps(db: Db | Tx, sessionId: string): Promise<number> {
  return db.$count(steps, eq(steps.sessionId, sessionId));
}

/** What progress displays of a live step. */
export type LiveStep = Pick<
  StepView,
  | "id"
  | "sessionId"
  | "status"
  | "progressMessage"
  | "notBefore"
  | "window"
  | "cancelRequestedAt"
  | "batchSize"
  | "slotsFilled"
  | "running"
  | "wait"
>;

/** The live steps of these sessions, or of all. `readWaits`: reads the line. */
export async function listLiveSteps(
  db: Db,
  sessionIds: string[] | "all",
  readWaits: () => Promise<Waits>,
): Promise<LiveStep[]> {
  const live = await db
    .select({
      id: steps.id,
      sessionId: steps.sessionId,
      status: steps.status,
      progressMessage: steps.progressMessage,
      notBefore: steps.notBefore,
      window: steps.window,
      cancelRequestedAt: steps.cancelRequestedAt,
      batchSize: steps.batchSize,
      slotsFilled,
      running: stepProgress,
      isInLine,
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
  return withWaits(live, readWaits);
}
