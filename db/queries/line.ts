import { sql } from "drizzle-orm";
import type { Db, Tx } from "../client";
import { type ExpectedTurn, expectTurns } from "../turn-forecast";
import { denoisingSteps, paceOf } from "./pace";

/** The one place where InvokeAI runs, as long as there is no other. */
const backend = sql`'local'`;

/** When the steps that wait for their turn should have it; empty while InvokeAI is away, or nobody waits. */
export async function findExpectedTurns(db: Db | Tx): Promise<Map<string, ExpectedTurn>> {
  const line = await db.execute<{ stepId: string; seconds: number | null }>(sql`
    with waiting as materialized (
      select id, turn_place, parameters, model_hash,
        ((parameters ->> 'width')::int * (parameters ->> 'height')::int) as pixels,
        (select count(*) from slots where step_id = steps.id and status = 'open') as images
      from steps where status = 'pending' and turn_place is not null
    ), kinds as materialized (
      select k.*, ${paceOf({ modelHash: sql`k.model_hash`, pixels: sql`k.pixels`, backend })} as pace
      from (select distinct model_hash, pixels from waiting) as k
    )
    select w.id as "stepId", w.images * ${denoisingSteps(sql`w.parameters`)} * kinds.pace as seconds
    from waiting as w join kinds using (model_hash, pixels)
    order by w.turn_place, w.id
  `);
  if (line.length === 0) return new Map();
  // A batch in flight is what those in the line wait for; one that only fetches its images is in nobody's way.
  const [state] = await db.execute<{ connected: boolean; now: number; freeAt: number | null }>(sql`
    select
      coalesce((select connected from backends where ref = ${backend}), false) as connected,
      extract(epoch from now())::float8 * 1000 as now,
      (select case when bool_or(p.estimated_completion is null) then null
          else extract(epoch from coalesce(max(p.estimated_completion), now()))::float8 * 1000 end
        from steps s
        join attempts a on a.step_id = s.id and a.settled_at is null
        left join step_progress p on p.step_id = s.id
        where s.status = 'processing') as "freeAt"
  `);
  if (!state?.connected) return new Map();
  const { freeAt } = state;
  return expectTurns(line, {
    now: new Date(state.now),
    freeAt: freeAt === null ? null : new Date(freeAt),
  });
}
