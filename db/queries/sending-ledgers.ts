import { and, eq, isNull } from "drizzle-orm";
import type { Db } from "../client";
import { reproductions } from "../schema/reproductions";
import { attempts } from "../schema/steps";

/** Rows that go to a backend as a batch: how far the sending is stands in the same columns of each. */
const ledgers = { attempts, reproductions };

type OfBatch = { ledger: keyof typeof ledgers; batchId: string };

/** The row of a batch, as long as something may still come of it; once ended it stays as it is. */
function openRow({ ledger, batchId }: OfBatch) {
  const table = ledgers[ledger];
  const endedAt = ledger === "attempts" ? attempts.settledAt : reproductions.judgedAt;
  return { table, isOpen: and(eq(table.batchId, batchId), isNull(endedAt)) };
}

/**
 * Takes the right to send the batch: true for exactly one of all who found the same `postedAt`, and for nobody once it
 * was seen on the server. Whoever has it sends once; everybody else looks for the batch.
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

/** Gives the right back: for a batch that certainly never left. */
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

/** Remembers under which name the backend holds the picture that the batch starts from. */
export async function noteSourceImage(
  db: Db,
  params: OfBatch & { imageName: string },
): Promise<void> {
  const { table, isOpen } = openRow(params);
  await db.update(table).set({ sourceImageName: params.imageName }).where(isOpen);
}
