import {
  type ExpectedOriginal,
  findStoredIds,
  listOriginalsAfter,
  noteChecks,
} from "#db/queries/photos/original-checks";
import { countMoved, listUnmoved, noteMoved } from "#db/queries/storage/moved-originals";
import {
  completeMove,
  endForgetting,
  findMove,
  noteDeleted,
  stopForgetting,
  switchMove,
} from "#db/queries/storage/storage-moves";
import type { Database } from "#db/client";
import type { OriginalFault } from "#db/schema/original-checks";
import type { StorageMove } from "#db/schema/storage-moves";
import { storageUnmounted } from "#media/storage/faults";
import { removePhotoFiles } from "#media/storage/photo-files";
import { inTurn } from "../backup/in-turn";
import type { StoragePlaces } from "../create-storage";
import { openPlaces } from "../places";
import { copyDerivatives, type Ends, settleOriginal } from "./settle-original";

const pageSize = 200;

type MoveDeps = Readonly<{
  database: Database;
  places: StoragePlaces;
  now: () => Date;
  /** Longer than a process relies on what it has read of the moves. */
  settleMs: number;
  /** Longer than any upload that began before the switch. */
  lateMs: number;
  onProgress: () => void;
  signal?: AbortSignal;
}>;

/** Where a pass over the photos stands; null: at its beginning. */
export type MoveProgress = {
  afterId: string | null;
  /** `over`: the row needs no run any more. */
  next: "over" | "now" | { waitMs: number };
};

/**
 * Takes a move one page of photos on, by the status of its row. What dies is repeated: every part may run twice, also at
 * the same time.
 */
export async function advanceMove(
  deps: MoveDeps,
  { id, afterId }: { id: string; afterId: string | null },
): Promise<MoveProgress> {
  const { db } = deps.database;
  const move = await findMove(db, id);
  if (!move) return over;
  const { now, settleMs, lateMs } = deps;
  if (move.status === "copying") {
    const waitMs = settleMs - move.sinceStartMs;
    if (waitMs > 0) return wait(waitMs);
    const page = await settlePage(deps, move, afterId);
    if (page !== "done") return page;
    await switchMove(db, id);
    return again;
  }
  if (move.status === "switching") {
    const waitMs = settleMs - move.sinceSwitchMs;
    if (waitMs > 0) return wait(waitMs);
    const page = await settlePage(deps, move, afterId);
    if (page !== "done") return page;
    await completeMove(db, { id, now: now() });
    return over;
  }
  if (move.status === "forgetting") {
    const waitMs = lateMs - move.sinceSwitchMs;
    if (waitMs > 0) return wait(waitMs);
    return deletePage(deps, move, afterId);
  }
  return over;
}

const over: MoveProgress = { afterId: null, next: "over" };
const again: MoveProgress = { afterId: null, next: "now" };
const wait = (ms: number): MoveProgress => ({
  afterId: null,
  next: { waitMs: Math.ceil(ms) },
});

/** Settles the next photos that are not; `done` when there were none in a whole pass. */
async function settlePage(
  deps: MoveDeps,
  move: StorageMove,
  afterId: string | null,
): Promise<MoveProgress | "done"> {
  const { db } = deps.database;
  const page = await listUnmoved(db, { afterId, limit: pageSize });
  if (page.length === 0) return afterId === null ? "done" : again;
  await settle(deps, endsOf(deps, move), page, copyDerivatives);
  return { afterId: page.at(-1)!.id, next: "now" };
}

function endsOf({ places }: MoveDeps, { source, target }: StorageMove): Ends {
  const { first, other } = openPlaces(places, { first: target, other: source });
  return { target: first, source: other! };
}

/** @returns the photos that are at the target with the right bytes */
async function settle(
  { database: { db }, onProgress, now, signal }: MoveDeps,
  ends: Ends,
  page: ExpectedOriginal[],
  afterwards: (ends: Ends, photo: ExpectedOriginal) => Promise<void> = async () => {},
): Promise<ExpectedOriginal[]> {
  const pages = async function* () {
    yield* page;
  };
  const settled: { photo: ExpectedOriginal; fault: OriginalFault | null }[] = [];
  const results = inTurn(pages(), async (photo) => {
    signal?.throwIfAborted();
    const fault = await settleOriginal(ends, photo, onProgress);
    if (fault === null) await afterwards(ends, photo);
    onProgress();
    return { photo, fault };
  });
  // What was settled before a failure is noted: the next try would read all of it again.
  let failure: { error: unknown } | undefined;
  try {
    for await (const result of results) settled.push(result);
  } catch (error) {
    failure = { error };
  }
  const isUnmounted =
    settled.some(({ fault }) => fault !== null) && (await ends.source.findUnmountedArea());
  if (isUnmounted) throw storageUnmounted();
  // Asked after the copy: a purge that began before removed the files of a photo that was then copied.
  const stored = await findStoredIds(
    db,
    page.map(({ id }) => id),
  );
  for (const photo of page) if (!stored.has(photo.id)) await removePhotoFiles(ends.target, photo);
  const left = settled.filter(({ photo }) => stored.has(photo.id));
  await noteMoved(
    db,
    left.map(({ photo, fault }) => ({ photoId: photo.id, fault })),
  );
  const faulty = left.flatMap(({ photo, fault }) =>
    fault === null ? [] : [{ photoId: photo.id, fault, isInBackup: null }],
  );
  if (faulty.length > 0) await noteChecks(db, { results: faulty, now: now() });
  if (failure) throw failure.error;
  return left.flatMap(({ photo, fault }) => (fault === null ? [photo] : []));
}

/** Deletes the old files of the next photos, each after it was compared at the target once more. */
async function deletePage(
  deps: MoveDeps,
  move: StorageMove,
  settledUpTo: string | null,
): Promise<MoveProgress> {
  const { db } = deps.database;
  const { id, deletedUpTo: afterId } = move;
  const page = await listOriginalsAfter(db, { afterId, limit: pageSize });
  // First and last: a row may have come late.
  if (afterId === null || page.length === 0) {
    const unsettled = await settlePage(deps, move, settledUpTo);
    if (unsettled !== "done") return unsettled;
  }
  if (page.length === 0) return end(deps, id);
  const ends = endsOf(deps, move);
  const kept = await settle(deps, ends, page);
  for (const photo of move.keepsFiles ? [] : kept) {
    deps.signal?.throwIfAborted();
    await removePhotoFiles(ends.source, photo);
    deps.onProgress();
  }
  await noteDeleted(db, { id, afterId, upTo: page.at(-1)!.id });
  return again;
}

async function end({ database: { db }, now }: MoveDeps, id: string): Promise<MoveProgress> {
  const { damaged } = await countMoved(db);
  if (damaged === 0) await endForgetting(db, { id, now: now() });
  else await stopForgetting(db, { id, message: leftDamaged(damaged) });
  return over;
}

const leftDamaged = (amount: number) =>
  `${amount} original${amount === 1 ? " is" : "s are"} damaged and not at the new place; what the old place has of them was not deleted. Put them back with ./gallery verify --repair, or delete these photos, then run this again.`;
