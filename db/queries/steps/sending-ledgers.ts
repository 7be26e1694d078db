import { and, eq, isNull } from "drizzle-orm";
import type { Db } from "../../client";
import { reproductions } from "../../schema/reproductions";
import { attempts, type ImageNames } from "../../schema/steps";

/** The tables of batches sent to a backend. Both record the state of sending in the same columns. */
const ledgers = { attempts, reproductions };

type OfBatch = { ledger: keyof typeof ledgers; batchId: string };

/** The condition for a batch's row until it is settled or judged; after that it must not change. */
function openRow({ ledger, batchId }: OfBatch) {
  const table = ledgers[ledger];
  const endedAt = ledger === "attempts" ? attempts.settledAt : reproductions.judgedAt;
  return { table, isOpen: and(eq(table.batchId, batchId), isNull(endedAt)) };
}

/**
 * Claims the right to send the batch: true for exactly one of all callers that found the same `postedAt`, and for none once
 * the batch was seen on the server. The winner sends once; all others look the batch up.
 */
export async function claimPost(
  db: Db,
  params: OfBatch & { found: Date | null; now: Date },
): Promise<boolean> {
  const { table, isOpen } = openRow(params);
  const isUnchanged =
    params.found === null ? isNull(table.postedAt) : eq(table.postedAt, params.found);
  const won = await db
    .update(table)
    .set({ postedAt: params.now })
    .where(and(isOpen, isUnchanged, isNull(table.acceptedAt)))
    .returning({ batchId: table.batchId });
  return won.length === 1;
}

/** Releases the right to send, for a batch that certainly was not sent. */
export async function releasePost(db: Db, params: OfBatch & { posted: Date }): Promise<void> {
  const { table, isOpen } = openRow(params);
  await db
    .update(table)
    .set({ postedAt: null })
    .where(and(isOpen, eq(table.postedAt, params.posted), isNull(table.acceptedAt)));
}

/** The batch was seen on the server. */
export async function markAccepted(db: Db, params: OfBatch & { now: Date }): Promise<void> {
  const { table, isOpen } = openRow(params);
  await db
    .update(table)
    .set({ acceptedAt: params.now })
    .where(and(isOpen, isNull(table.acceptedAt)));
}

/** Records the names on the backend: of the source image, if there is one, and of the other pictures by their roles. */
export async function noteSourceImage(
  db: Db,
  params: OfBatch & { imageName: string | null; imageNames?: ImageNames },
): Promise<void> {
  const { table, isOpen } = openRow(params);
  const { imageName: sourceImageName, imageNames = {} } = params;
  await db.update(table).set({ sourceImageName, imageNames }).where(isOpen);
}
