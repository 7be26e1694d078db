import { type SQL, sql } from "drizzle-orm";
import type { Db } from "../../client";
import type { StepParameters } from "../../schema/steps";

/** Batches in the median: enough that one slow loading of the model does not matter, few enough to follow a change. */
const asked = 20;

/**
 * Seconds that InvokeAI needed per image and denoising step: the median of the newest batches with this model and number of
 * pixels, of steps that were completed without a failed image. A batch lasts from `accepted_at` to `settled_at`, which
 * includes decoding and, where needed, loading the model. Null without such a batch.
 */
export function paceOf(kind: { modelHash: SQL; pixels: SQL; backend: SQL }): SQL<number | null> {
  return sql<number | null>`(
    select percentile_cont(0.5) within group (order by seconds)
    from (
      select extract(epoch from a.settled_at - a.accepted_at)::float8
        / (cardinality(a.slot_indexes) * ${denoisingSteps(sql`s.parameters`)}) as seconds
      from steps s
      join attempts a on a.step_id = s.id
      where s.status = 'completed'
        and s.model_hash = ${kind.modelHash} and s.recipe_id is null and ${kind.pixels} > 0
        and ((s.parameters ->> 'width')::int * (s.parameters ->> 'height')::int) = ${kind.pixels}
        and a.backend = ${kind.backend} and a.outcome = 'finished' and a.accepted_at is not null
        and not exists (select from slots where step_id = s.id and status = 'failed')
      order by s.completed_at desc
      limit ${asked}
    ) as newest
  )`;
}

/**
 * The denoising steps of one image: image to image runs only the share `strength` of the requested steps. Those of a second
 * pass count by its area.
 */
export function denoisingSteps(parameters: SQL): SQL<number> {
  return sql<number>`greatest(
    (${parameters} ->> 'steps')::float8 * (coalesce((${parameters} ->> 'strength')::float8, 1)
      + coalesce((${parameters} #>> '{hires,strength}')::float8
        * power((${parameters} #>> '{hires,scale}')::float8, 2), 0)), 1)`;
}

/** Seconds that one image of a step takes on a backend; null when no such image was generated there before. */
export async function findSecondsPerImage(
  db: Db,
  step: { modelHash: string; parameters: StepParameters },
  backend: string,
): Promise<number | null> {
  const { width, height } = step.parameters;
  const pace = paceOf({
    modelHash: sql`${step.modelHash}`,
    pixels: sql`${width * height}::int`,
    backend: sql`${backend}`,
  });
  const parameters = sql`${JSON.stringify(step.parameters)}::jsonb`;
  const rows = await db.execute<{ seconds: number | null }>(
    sql`select ${pace} * ${denoisingSteps(parameters)} as seconds`,
  );
  return rows[0]?.seconds ?? null;
}
