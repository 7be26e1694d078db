import { type Static, t } from "elysia";
import type { listFaultyOriginals } from "#db/queries/photos/original-checks";
import { type Backup, backupStatuses, backupTriggers } from "#db/schema/backups";
import { originalFaults } from "#db/schema/original-checks";
import { oneOf } from "../../fields/one-of";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });
const amount = (description: string) => t.Integer({ minimum: 0, description });

export const backupSchema = t.Object(
  {
    id: uuid,
    name: t.String({ description: "Its name in the folder of backups" }),
    trigger: oneOf(backupTriggers),
    status: oneOf(backupStatuses),
    originals: amount("Originals in the backup"),
    bytes: amount("Size of these originals"),
    new_originals: amount("Originals that no earlier backup had"),
    new_bytes: amount("Size of these originals"),
    missing: amount(
      "Photos whose original was intact neither in the library nor in an earlier backup",
    ),
    error: t.Optional(t.String({ description: "Why it failed" })),
    started_at: moment,
    ended_at: t.Optional(moment),
    removed_at: t.Optional(
      t.String({ format: "date-time", description: "When it was deleted for newer ones" }),
    ),
  },
  { title: "Backup" },
);

/** Until it has ended, a backup has no counts. */
export function backupToWire(row: Backup): Static<typeof backupSchema> {
  return {
    id: row.id,
    name: row.name,
    trigger: row.trigger,
    status: row.status,
    originals: row.originals,
    bytes: row.bytes,
    new_originals: row.newOriginals,
    new_bytes: row.newBytes,
    missing: row.missing,
    ...(row.error !== null && { error: row.error }),
    started_at: row.startedAt.toISOString(),
    ...(row.endedAt && { ended_at: row.endedAt.toISOString() }),
    ...(row.removedAt && { removed_at: row.removedAt.toISOString() }),
  };
}

export const integritySchema = t.Object(
  {
    originals: amount("Photos with an original"),
    checked: amount("Originals that were compared with their hashes in the last 35 days"),
    faulty: amount("Originals that are lost or damaged"),
    faults: t.Array(
      t.Object({
        photo_id: uuid,
        filename: t.String(),
        fault: oneOf(originalFaults),
        is_in_backup: t.Optional(
          t.Boolean({ description: "Whether a backup has the right bytes; absent: not known" }),
        ),
        found_at: moment,
      }),
      { description: "The first 1 000, in the order in which they were found" },
    ),
  },
  { title: "Integrity" },
);

type FaultyOriginal = Awaited<ReturnType<typeof listFaultyOriginals>>[number];

export function faultToWire({ id, filename, fault, isInBackup, foundAt }: FaultyOriginal) {
  return {
    photo_id: id,
    filename,
    fault,
    ...(isInBackup !== null && { is_in_backup: isInBackup }),
    found_at: foundAt.toISOString(),
  };
}
