import { and, eq, inArray, isNotNull, isNull, or, sql } from "drizzle-orm";
import type { Db, Tx } from "../client";
import { type NewPhoto, photos } from "../schema/photos";
import { sessions } from "../schema/sessions";
import { slots, steps } from "../schema/steps";
import { searchColumns } from "../search-words";
import { insertEvents } from "./events";

// Any number, the same for all that take a session in.
const importLock = 7_361_203;

/**
 * Does `work` while nobody else does the like: its transaction holds a lock from its beginning, which a connection that
 * dies gives back. Undefined, and nothing done, while another has it.
 */
export async function importAlone<T>(
  db: Db,
  work: (tx: Tx) => Promise<T>,
): Promise<{ result: T } | undefined> {
  return db.transaction(async (tx) => {
    const [row] = await tx.execute<{ isHeld: boolean }>(
      sql`select pg_try_advisory_xact_lock(${importLock}) as "isHeld"`,
    );
    return row?.isHeld ? { result: await work(tx) } : undefined;
  });
}

/** Whether there is a session of this id, or one that is about to go. */
export async function findSessionState(
  tx: Tx,
  id: string,
): Promise<{ isDeleted: boolean } | undefined> {
  const [row] = await tx
    .select({ deletedAt: sessions.deletedAt })
    .from(sessions)
    .where(eq(sessions.id, id));
  return row && { isDeleted: row.deletedAt !== null };
}

/** Which of these ids a step has already. */
export async function findTakenSteps(tx: Tx, ids: string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await tx.select({ id: steps.id }).from(steps).where(inArray(steps.id, ids));
  return rows.map((row) => row.id);
}

const stateColumns = {
  id: photos.id,
  kind: photos.kind,
  contentHash: photos.contentHash,
  mimeType: photos.mimeType,
  stepId: photos.stepId,
  deletedAt: photos.deletedAt,
  purgedAt: photos.purgedAt,
};

/** A photo that has an id or, as an upload, bytes of an archive. */
export type PhotoState = Awaited<ReturnType<typeof findPhotoStates>>[number];

/** Photos by id, and uploads by their bytes; with `hold` nobody changes them until the transaction ends. */
export async function findPhotoStates(
  tx: Tx,
  params: { ids: string[]; uploadHashes: string[]; hold: boolean },
) {
  const { ids, uploadHashes, hold } = params;
  if (ids.length === 0) return [];
  const sameBytes = and(eq(photos.kind, "uploaded"), inArray(photos.contentHash, uploadHashes));
  const found = tx
    .select(stateColumns)
    .from(photos)
    .where(or(inArray(photos.id, ids), uploadHashes.length === 0 ? undefined : sameBytes))
    .orderBy(photos.id);
  return hold ? found.for("update") : found;
}

export type ImportedSession = {
  session: typeof sessions.$inferInsert;
  /** In their order: a parent comes before what it leads to. */
  steps: (typeof steps.$inferInsert)[];
  slots: (typeof slots.$inferInsert)[];
  /** Rows that are not there yet, without what they point at. */
  photos: NewPhoto[];
  /** Rows of which a purge left the place alone, and what they are to hold again. */
  refilled: NewPhoto[];
  /** What photos point at, those that were there before too; where one points at something already, it stays. */
  links: PhotoLink[];
  /** To be taken out of the trash. */
  restored: string[];
};

export type PhotoLink = {
  id: string;
  sessionId: string | null;
  stepId: string | null;
  slotIndex: number | null;
  sourceImageId: string | null;
};

const rowsAtOnce = 500;

/**
 * Writes a session with all that belongs to it; last in its transaction. Every reference is to a row of the same call, or
 * to one that the transaction holds.
 */
export async function insertImportedSession(tx: Tx, imported: ImportedSession): Promise<void> {
  const { session } = imported;
  // Without what they point at: photos, sessions and steps point at each other in every direction.
  for (const part of inParts(imported.photos)) {
    await tx.insert(photos).values(part.map((photo) => ({ ...photo, ...searchColumns(photo) })));
  }
  for (const photo of imported.refilled) {
    await tx
      .update(photos)
      .set({ ...photo, ...searchColumns(photo), deletedAt: null, purgedAt: null })
      .where(and(eq(photos.id, photo.id), isNotNull(photos.purgedAt)));
  }
  await tx.insert(sessions).values(session);
  for (const part of inParts(imported.steps)) await tx.insert(steps).values(part);
  for (const part of inParts(imported.slots)) await tx.insert(slots).values(part);
  await linkPhotos(tx, imported.links);
  if (imported.restored.length > 0) {
    await tx
      .update(photos)
      .set({ deletedAt: null })
      .where(and(inArray(photos.id, imported.restored), isNull(photos.purgedAt)));
  }
  const made = [...imported.photos, ...imported.refilled].filter(({ purgedAt }) => !purgedAt);
  await insertEvents(tx, [
    {
      type: "session.created",
      sessionId: session.id,
      data: { session_id: session.id, entry_type: session.entryType },
    },
    ...made.map(({ id }) => ({
      type: "photo.created" as const,
      sessionId: session.id,
      data: { photo_id: id },
    })),
    ...imported.restored.map((id) => ({
      type: "photo.restored" as const,
      sessionId: session.id,
      data: { photo_id: id },
    })),
  ]);
}

async function linkPhotos(tx: Tx, links: PhotoLink[]): Promise<void> {
  await tx.execute(sql`
    update photos as p set
      session_id = coalesce(p.session_id, link."sessionId"),
      slot_index = case when p.step_id is null and link."stepId" is not null then link."slotIndex" else p.slot_index end,
      step_id = coalesce(p.step_id, link."stepId"),
      source_image_id = coalesce(p.source_image_id, link."sourceImageId")
    from jsonb_to_recordset(${JSON.stringify(links)}::text::jsonb) as link(
      id uuid, "sessionId" uuid, "stepId" uuid, "slotIndex" smallint, "sourceImageId" uuid)
    where p.id = link.id`);
}

function* inParts<T>(rows: readonly T[]): Generator<T[]> {
  for (let at = 0; at < rows.length; at += rowsAtOnce) yield rows.slice(at, at + rowsAtOnce);
}
