import { eq, sql } from "drizzle-orm";
import type { Db } from "../../client";
import { stepProgress } from "../../schema/steps";

/** NOTIFY channel for changes of a live step's progress. Only a wake-up: readers read the rows. */
export const progressChannel = "gallery_progress";

/** Notifies of a change of progress; part of the statement that makes the change. */
export const announceProgress = sql`pg_notify(${progressChannel}, '')`;

export type Progress = {
  stepId: string;
  /** 0–1 over the whole batch. */
  progress: number;
  /** 0–1 of the current image; null between two images. */
  imageProgress: number | null;
  message: string | null;
  preview: string | null;
  estimatedCompletion: Date | null;
  updatedAt: Date;
};

/** Overwrites the progress of a step in `processing`; does nothing once it has ended. */
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
