import { type Static, t } from "elysia";
import type { countMoved } from "#db/queries/storage/moved-originals";
import { type StorageMove, storageMoveStatuses, storagePlaces } from "#db/schema/storage-moves";
import { describeMove } from "#library/move/describe";
import { oneOf } from "../../fields/one-of";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });
const amount = (description: string) => t.Integer({ minimum: 0, description });

const moveSchema = t.Object(
  {
    id: uuid,
    source: oneOf(storagePlaces),
    target: oneOf(storagePlaces),
    status: oneOf(storageMoveStatuses),
    originals: amount("Photos with an original"),
    settled: amount(
      "Originals that were compared at the new place, or found faulty at the old one",
    ),
    missing: amount("Settled originals that are lost at the old place"),
    damaged: amount("Settled originals that are damaged at the old place"),
    summary: t.String({ description: "All of this as sentences" }),
    waiting_for: t.Optional(
      t.String({
        description: "Why it does not go on, or why the old copy was not deleted",
      }),
    ),
    started_at: moment,
    switched_at: t.Optional(moment),
    ended_at: t.Optional(moment),
    forgotten_at: t.Optional(moment),
  },
  { title: "StorageMove" },
);

export const storageSchema = t.Object(
  {
    place: oneOf(storagePlaces),
    move: t.Optional(moveSchema),
  },
  { title: "Storage", description: "`place`: where new photos go. `move`: the newest one." },
);

type Counts = Awaited<ReturnType<typeof countMoved>>;

export function moveToWire(row: StorageMove, counts: Counts): Static<typeof moveSchema> {
  return {
    id: row.id,
    source: row.source,
    target: row.target,
    status: row.status,
    originals: counts.originals,
    settled: counts.settled,
    missing: counts.missing,
    damaged: counts.damaged,
    summary: describeMove(row, counts),
    ...(row.message !== null && { waiting_for: row.message }),
    started_at: row.startedAt.toISOString(),
    ...(row.switchedAt && { switched_at: row.switchedAt.toISOString() }),
    ...(row.endedAt && { ended_at: row.endedAt.toISOString() }),
    ...(row.forgottenAt && { forgotten_at: row.forgottenAt.toISOString() }),
  };
}
