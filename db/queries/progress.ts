import { eq } from "drizzle-orm";
import type { Db } from "../client";
import { stepProgress } from "../schema/steps";

export type Progress = {
  stepId: string;
  /** 0–1 over the whole batch. */
  progress: number;
  message: string | null;
  preview: string | null;
  estimatedCompletion: Date | null;
  updatedAt: Date;
};

/** Overwrites what is shown of a running step. */
export async function saveProgress(db: Db, progress: Progress): Promise<void> {
  await db
    .insert(stepProgress)
    .values(progress)
    .onConflictDoUpdate({ target: stepProgress.stepId, set: progress });
}

/** An ended step has no progress row. */
export async function dropProgress(db: Db, stepId: string): Promise<void> {
  await db.delete(stepProgress).where(eq(stepProgress.stepId, stepId));
}
