import { and, desc, eq, isNull, notInArray, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type Backup, backups, type BackupTrigger } from "../../schema/backups";
import { insertEvents } from "../events/events";
import { isOlder, type Page, type TimePlace } from "../page";

type BackupCounts = Pick<Backup, "originals" | "bytes" | "newOriginals" | "newBytes" | "missing">;

/**
 * Inserts a backup that begins. The caller holds the lock of backups, so any other running one has died and ends as failed.
 */
export async function beginBackup(
  db: Db,
  params: { id: string; name: string; folder: string; trigger: BackupTrigger; now: Date },
): Promise<void> {
  const { now, ...backup } = params;
  await db.transaction(async (tx) => {
    const died = await tx
      .update(backups)
      .set({ status: "failed", endedAt: now, error: "It was interrupted; nothing was kept of it." })
      .where(eq(backups.status, "running"))
      .returning();
    await tx.insert(backups).values({ ...backup, startedAt: now });
    await insertEvents(tx, died.map(failedEvent));
  });
}

/** The backup whose row says that it runs; without the lock of backups, it may have died. */
export async function findRunningBackup(db: Db): Promise<Backup | undefined> {
  const [row] = await db.select().from(backups).where(eq(backups.status, "running"));
  return row;
}

export async function completeBackup(
  db: Db,
  params: { id: string; counts: BackupCounts; now: Date },
): Promise<void> {
  await db.transaction(async (tx) => {
    const [row] = await tx
      .update(backups)
      .set({ ...params.counts, status: "completed", endedAt: params.now })
      .where(and(eq(backups.id, params.id), eq(backups.status, "running")))
      .returning();
    if (!row) return;
    const { originals, bytes, newOriginals, newBytes, missing } = row;
    const data = {
      ...factsOf(row),
      originals,
      bytes,
      new_originals: newOriginals,
      new_bytes: newBytes,
      missing,
    };
    await insertEvents(tx, [{ type: "backup.completed", sessionId: null, data }]);
  });
}

export async function failBackup(
  db: Db,
  params: { id: string; error: string; now: Date },
): Promise<void> {
  await db.transaction(async (tx) => {
    const rows = await tx
      .update(backups)
      .set({ status: "failed", error: params.error, endedAt: params.now })
      .where(and(eq(backups.id, params.id), eq(backups.status, "running")))
      .returning();
    await insertEvents(tx, rows.map(failedEvent));
  });
}

/** Notes which completed backups of a folder are gone. */
export async function noteRemovedBackups(
  db: Db,
  params: { folder: string; kept: string[]; now: Date },
): Promise<void> {
  const { folder, kept, now } = params;
  await db
    .update(backups)
    .set({ removedAt: now })
    .where(
      and(
        eq(backups.folder, folder),
        eq(backups.status, "completed"),
        isNull(backups.removedAt),
        kept.length > 0 ? notInArray(backups.name, kept) : undefined,
      ),
    );
}

/** Whether this folder should hold a backup. */
export async function hasBackupIn(db: Db, folder: string): Promise<boolean> {
  const [row] = await db
    .select({ id: backups.id })
    .from(backups)
    .where(
      and(eq(backups.folder, folder), eq(backups.status, "completed"), isNull(backups.removedAt)),
    )
    .limit(1);
  return row !== undefined;
}

/** Backups, newest first. */
export async function listBackups(
  db: Db,
  page: { after: TimePlace | null } & Page,
): Promise<Backup[]> {
  return db
    .select()
    .from(backups)
    .where(isOlder({ at: backups.startedAt, id: backups.id }, page.after))
    .orderBy(desc(backups.startedAt), desc(backups.id))
    .limit(page.limit)
    .offset(page.offset);
}

export async function countBackups(db: Db): Promise<number> {
  return db.$count(backups);
}

/** For metrics: when the last completed backup began, and how many have failed since. */
export async function summarizeBackups(
  db: Db,
): Promise<{ lastGoodAt: Date | null; failedSince: number }> {
  const [good] = await db
    .select({ at: backups.startedAt })
    .from(backups)
    .where(eq(backups.status, "completed"))
    .orderBy(desc(backups.startedAt))
    .limit(1);
  const failedSince = await db.$count(
    backups,
    and(
      eq(backups.status, "failed"),
      good ? sql`${backups.startedAt} > ${good.at.toISOString()}::timestamptz` : undefined,
    ),
  );
  return { lastGoodAt: good?.at ?? null, failedSince };
}

/**
 * In a restored database the backup that it came from is still running: it completes, and the mark of the restore goes.
 */
export async function settleRestored(
  tx: Db | Tx,
  params: { id: string; counts: BackupCounts; now: Date },
): Promise<void> {
  await tx
    .update(backups)
    .set({ ...params.counts, status: "completed", endedAt: params.now })
    .where(eq(backups.id, params.id));
}

const factsOf = (row: Backup) => ({ backup_id: row.id, name: row.name, trigger: row.trigger });

const failedEvent = (row: Backup) => ({
  type: "backup.failed" as const,
  sessionId: null,
  data: { ...factsOf(row), error: row.error ?? "" },
});
