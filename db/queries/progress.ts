import { eq, sql } from "drizzle-orm";
import type { Db } from "../client";
import { stepProgress } from "../schema/steps";

/** The channel on which a change of what is shown of a live step is announced; a wake-up only, rows are what counts. */
export const progressChannel = "gallery_progress";

/** Announces a change of progress, as part of the statement that makes it. */
export const announceProgress = sql`pg_notify(${progressChannel}, '')`;

export type Progress = {
  stepId: string;
  /** 0–1 over the whole batch. */
  progress: number;
  /** 0–1 of the image that is being made; null between two. */
  imageProgress: number | null;
  message: string | null;
  preview: string | null;
  estimatedCompletion: Date | null;
  updatedAt: Date;
};

/** Overwrites what is shown of a step that is being processed; nothing on one that has ended since. */
export async function saveProgress(db: Db, progress: Progress): Promise<void> {
  const estimate = progress.estimatedCompletion?.toISOString() ?? null;
  await db.execute(sql`
    insert into step_progress as p
      (step_id, progress, image_progress, message, preview, estimated_completion, updated_at)
    select id, ${progress.progress}::real, ${progress.imageProgress}::real, ${progress.message}::text,
      ${progress.preview}::text, ${estimate}::timestamptz, ${progress.updatedAt.toISOString()}::timestamptz
    from steps where id = ${progress.stepId} and status = 'processing'
    on conflict (step_id) do update set
      progress = excluded.progress, image_progress = excluded.image_progress, message = excluded.message,
      preview = excluded.preview, estimated_completion = excluded.estimated_completion,
      updated_at = excluded.updated_at
    returning ${announceProgress}
  `);
}

/** An ended step has no progress row. */
export async function dropProgress(db: Db, stepId: string): Promise<void> {
  await db.delete(stepProgress).where(eq(stepProgress.stepId, stepId));
}
