import { and, eq, inArray, isNotNull, isNull, or, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type NewPhoto, photos } from "../../schema/photos";
import { recipes } from "../../schema/recipes";
import type { Mask } from "../../schema/masks";
import { sessions } from "../../schema/sessions";
import { slots, steps } from "../../schema/steps";
import { searchColumns } from "../../search/search-words";
import { insertEvents } from "../events/events";
import { parentsOf } from "../photos/references";
import { keepMask } from "../steps/masks";

// An arbitrary number that all imports of sessions share.
const importLock = 7_361_203;

/**
 * Runs `work` unless another import is running; undefined, without effect, if one is. The transaction holds a lock from
 * its beginning, which is released when its connection dies.
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

/** Whether a session with this id exists, and whether it is being deleted. */
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

/** Those ids that belong to existing steps. */
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
  generation: photos.generation,
  sessionId: photos.sessionId,
  stepId: photos.stepId,
  deletedAt: photos.deletedAt,
  purgedAt: photos.purgedAt,
};

/** An existing photo with an id of an archive or, for an upload, with the bytes of one of its files. */
export type PhotoState = Awaited<ReturnType<typeof findPhotoStates>>[number];

/** Photos by id, and uploads by content hash. `hold`: locks them until the transaction ends. */
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
  /** In order: a parent precedes its children. */
  steps: (typeof steps.$inferInsert)[];
  slots: (typeof slots.$inferInsert)[];
  masks: Mask[];
  /** New rows, without their references. */
  photos: NewPhoto[];
  /** New contents of rows that a purge left as lineage nodes. */
  refilled: NewPhoto[];
  /** References of the rows above. */
  links: PhotoLink[];
  /** Session, step and slot for images that existed before without a session. */
  assignments: PhotoAssignment[];
  /** Ids to restore from the trash. */
  restored: string[];
  /** Recipes of the steps. One with an id that exists here stays as it is. */
  recipes: (typeof recipes.$inferInsert)[];
};

type PhotoLink = {
  id: string;
  sessionId: string | null;
  stepId: string | null;
  slotIndex: number | null;
  sourceImageId: string | null;
};

export type PhotoAssignment = Omit<PhotoLink, "sourceImageId">;

const rowsAtOnce = 500;

/**
 * Writes a session with everything that belongs to it. Must be the last write of its transaction. Every reference must be
 * to a row of the same call, or to one that the transaction has locked.
 */
export async function insertImportedSession(tx: Tx, imported: ImportedSession): Promise<void> {
  const { session } = imported;
  for (const mask of imported.masks) await keepMask(tx, mask);
  // References follow later: photos, sessions and steps refer to each other in every direction.
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
  for (const part of inParts(imported.recipes)) {
    await tx.insert(recipes).values(part).onConflictDoNothing({ target: recipes.id });
  }
  for (const part of inParts(imported.steps)) await tx.insert(steps).values(part);
  for (const part of inParts(imported.slots)) await tx.insert(slots).values(part);
  await linkPhotos(tx, imported.links);
  await assignPhotos(tx, imported.assignments);
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

/** Assigns session, step and slot to photos without a session; their sources do not change. */
async function assignPhotos(tx: Tx, assignments: PhotoAssignment[]): Promise<void> {
  await tx.execute(sql`
    update photos as p set
      session_id = assigned."sessionId", step_id = assigned."stepId", slot_index = assigned."slotIndex"
    from jsonb_to_recordset(${JSON.stringify(assignments)}::text::jsonb) as assigned(
      id uuid, "sessionId" uuid, "stepId" uuid, "slotIndex" smallint)
    where p.id = assigned.id and p.session_id is null and p.step_id is null`);
}

/** These photos and all their ancestors, each with each of its parents in the lineage. */
export async function listAncestry(
  tx: Tx,
  ids: readonly string[],
): Promise<{ id: string; parentId: string }[]> {
  // `union` terminates even if rows form a cycle.
  const rows = await tx.execute<{ id: string; parentId: string }>(sql`
    with recursive up(id, parent_id) as (
      select p.id, coalesce(parents.parent_id, s.source_image_id)
      from photos p left join sessions s on s.id = p.session_id, ${parentsOf(sql`p`)} as parents
      where p.id in (select jsonb_array_elements_text(${JSON.stringify(ids)}::text::jsonb)::uuid)
      union
      select p.id, coalesce(parents.parent_id, s.source_image_id)
      from up join photos p on p.id = up.parent_id left join sessions s on s.id = p.session_id,
        ${parentsOf(sql`p`)} as parents
    )
    select id, parent_id as "parentId" from up where parent_id is not null`);
  return [...rows];
}

function* inParts<T>(rows: readonly T[]): Generator<T[]> {
  for (let at = 0; at < rows.length; at += rowsAtOnce) yield rows.slice(at, at + rowsAtOnce);
}
