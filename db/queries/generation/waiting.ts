import { sql } from "drizzle-orm";
import type { Db } from "../../client";

export type Waiting = {
  kind: "step" | "retrieval" | "import" | "install";
  id: string;
  /** Of a step. */
  sessionId: string | null;
  since: Date;
  /** What it waits for or does, as text for the owner. */
  message: string | null;
};

/** Requests that were made before a moment and have not ended, the oldest first. */
export async function listWaiting(
  db: Db,
  params: { before: Date; limit: number },
): Promise<Waiting[]> {
  const before = sql`${params.before.toISOString()}::timestamptz`;
  const rows = await db.execute<{
    kind: Waiting["kind"];
    id: string;
    session_id: string | null;
    since_ms: number;
    message: string | null;
  }>(sql`
    select kind, id, session_id, extract(epoch from since)::float8 * 1000 as since_ms, message from (
      select 'step' as kind, id, session_id, greatest(created_at, not_before) as since,
        coalesce(progress_message, case when status = 'pending' and "window" is not null
          then 'It starts from ' || ("window" ->> 'from') || ' to ' || ("window" ->> 'to') || '.' end) as message
        from steps where status in ('pending', 'processing')
      union all
      select 'retrieval', id, session_id, created_at, null
        from photos where retrieval_status in ('pending', 'processing')
      union all
      select 'import', id, null, coalesce(looked_at, created_at), away_reason
        from photo_imports where status in ('pending', 'processing')
          and (not watches or looked_at is null or away_reason is not null)
      union all
      select 'install', id, null, created_at, message
        from model_installs where status in ('pending', 'processing')
    ) as waiting
    where since < ${before} order by since, id limit ${params.limit}
  `);
  return rows.map(({ kind, id, session_id, since_ms, message }) => ({
    kind,
    id,
    sessionId: session_id,
    since: new Date(since_ms),
    message,
  }));
}
