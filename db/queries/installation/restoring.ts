import type { Db } from "../../client";
import type { CopySql } from "../../backup/tables";
import { installation } from "../../schema/installation";

/** Marks a database as being restored from this backup; in the transaction that loads it. */
export async function markRestore(tx: CopySql, backupId: string): Promise<void> {
  await tx.unsafe("update installation set restoring_backup_id = $1", [backupId]);
}

/** From now on the gallery may start. */
export async function endRestore(db: Db): Promise<void> {
  await db.update(installation).set({ restoringBackupId: null });
}
