import type { Db } from "../../client";
import type { CopySql } from "../../backup/tables";
import { installation } from "../../schema/installation";

/**
 * Marks a database as being restored from this backup; in the transaction that loads it.
 * @throws Error when there is no row to mark: the gallery would start on half a restore
 */
export async function markRestore(tx: CopySql, backupId: string): Promise<void> {
  const marked = await tx.unsafe(
    "update installation set restoring_backup_id = $1 returning restoring_backup_id",
    [backupId],
  );
  if (marked.length !== 1) throw new Error("the backup has no row of its installation");
}

/** From now on the gallery may start. */
export async function endRestore(db: Db): Promise<void> {
  await db.update(installation).set({ restoringBackupId: null });
}
