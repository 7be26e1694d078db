import { sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type ExpectedTurn, expectTurns, type Waiting } from "./turn-forecast";
import { denoisingSteps, paceOf } from "../generation/pace";
import { placeInForce } from "../backends/in-force";
import { isUnserved } from "../installation/workers";
import { lackedModel } from "./lacked-model";
import { waitingTurns } from "./turns";

/** A waiting step's state in the line, as of the query. */
export type Wait = {
  /** From 1, among those that can run; null when it lacks a model. */
  position: number | null;
  /** A model that it needs and that the place in force lacks, as last read. */
  lacks: string | null;
  /** Why the whole line waits; null: it does not. */
  waitReason: string | null;
  isHeld: boolean;
  /** Steps that are not idle go before it. */
  isIdle: boolean;
  apiVersion: string | null;
  /** Null while InvokeAI is unreachable, paused or busy with items of others, and where no estimate is possible. */
  expected: ExpectedTurn | null;
};

const noWorker =
  "No running worker has the role generation; start one that has it in WORKER_ROLES.";

const modelList = sql`(select model_list from backends where in_force)`;

/** All waiting steps by id. One query serves all of them. */
export async function findWaits(db: Db | Tx): Promise<Map<string, Wait>> {
  const line = await db.execute<Waiting & Pick<Wait, "position" | "lacks" | "isIdle">>(sql`
    with asked as materialized (
      select turns.step_id, turns.number, turns.rank, ${lackedModel(modelList)} as lacks from ${waitingTurns}
    ), line as materialized (
      select step_id, number, rank, lacks,
        case when lacks is null then count(*) filter (where lacks is null) over (order by rank, number) end::int as position
      from asked
    ), waiting as materialized (
      select s.id, l.number, l.rank, l.position, l.lacks, s.parameters, s.model_hash, s.recipe_id,
        ((s.parameters ->> 'width')::int * (s.parameters ->> 'height')::int) as pixels,
        (select count(*) from slots where step_id = s.id and status = 'open') as images
      from line as l join steps as s on s.id = l.step_id
    ), kinds as materialized (
      select k.*, ${paceOf({ modelHash: sql`k.model_hash`, pixels: sql`k.pixels`, backend: placeInForce })} as pace
      from (select distinct model_hash, pixels from waiting) as k
    )
    select w.id as "stepId", w.position, w.lacks, w.rank = 2 as "isIdle",
      -- A recipe may do anything: how long that takes, other steps of its model do not tell.
      case when w.recipe_id is null
        then w.images * ${denoisingSteps(sql`w.parameters`)} * kinds.pace end as seconds
    from waiting as w join kinds using (model_hash, pixels)
    order by w.rank, w.number
  `);
  if (line.length === 0) return new Map();
  const { isFree, now, freeAt, ...state } = await readState(db);
  const known = { now: new Date(now), freeAt: freeAt === null ? null : new Date(freeAt) };
  const runnable = line.filter(({ lacks }) => lacks === null);
  const expected = isFree ? expectTurns(runnable, known) : undefined;
  return new Map(
    line.map(({ stepId, position, lacks, isIdle }) => [
      stepId,
      { ...state, position, lacks, isIdle, expected: expected?.get(stepId) ?? null },
    ]),
  );
}

type State = Pick<Wait, "waitReason" | "isHeld" | "apiVersion"> & {
  isFree: boolean;
  now: number;
  freeAt: number | null;
};

/** What the line for the place in force waits for. Only a batch in flight blocks it; a step that is only fetching its images does not. */
async function readState(db: Db | Tx): Promise<State> {
  const [state] = await db.execute<State>(sql`
    select
      case when ${isUnserved("generation")} then ${noWorker} else b.wait_reason end as "waitReason",
      b.api_version as "apiVersion",
      exists (select from turns where turns.backend = b.ref) as "isHeld",
      b.connected and not b.queue_paused and b.queue_others = 0 as "isFree",
      extract(epoch from now())::float8 * 1000 as now,
      (select case when bool_or(p.estimated_completion is null) then null
          else extract(epoch from coalesce(max(p.estimated_completion), now()))::float8 * 1000 end
        from steps s
        join attempts a on a.step_id = s.id and a.settled_at is null and a.backend = b.ref
        left join step_progress p on p.step_id = s.id
        where s.status = 'processing') as "freeAt"
    from backends as b where b.in_force
  `);
  return state!;
}
