import { desc } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type PodSession, podSessions } from "../../schema/pod-sessions";
import { isOlder, type Page, type TimePlace } from "../page";
import { sumWork } from "./work";

/** A session with what its pod was used for. */
export type PodSessionView = PodSession & {
  /** What its turns cost, in micro-dollars. */
  workMicros: number;
  /** Steps that had a turn on it. */
  steps: number;
  /** Images that it generated, deleted ones included as long as their rows exist. */
  pictures: number;
};

/** Sessions, newest first. */
export async function listPodSessionViews(
  db: Db | Tx,
  { after, limit, offset }: Page & { after: TimePlace | null },
): Promise<PodSessionView[]> {
  const rows = await db
    .select()
    .from(podSessions)
    .where(isOlder({ at: podSessions.requestedAt, id: podSessions.id }, after))
    .orderBy(desc(podSessions.requestedAt), desc(podSessions.id))
    .limit(limit)
    .offset(offset);
  const work = await sumWork(
    db,
    rows.map(({ id }) => id),
  );
  return rows.map((row) => {
    const { micros = 0, steps = 0, pictures = 0 } = work.get(row.id) ?? {};
    return { ...row, workMicros: micros, steps, pictures };
  });
}

export async function countPodSessions(db: Db | Tx): Promise<number> {
  return db.$count(podSessions);
}
