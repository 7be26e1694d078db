import { and, eq, inArray, not, or, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import {
  type PhotoImport,
  photoImportFaults,
  photoImports,
  watchedContents,
  type WatchedFile,
  watchedFiles,
  type WatchedOutcome,
} from "../../schema/imports";
import { live } from "./imports";

/** A statement takes 65 535 parameters, and ends after 15 s. */
const filesPerDeletion = 5_000;

/** A file as it was seen. */
type SeenFile = Pick<WatchedFile, "fileHash" | "size" | "modifiedMs">;

/** These files as last noted, by hash of their names. */
export async function findWatchedFiles(
  db: Db,
  { importId, hashes }: { importId: string; hashes: string[] },
): Promise<Map<string, WatchedFile>> {
  if (hashes.length === 0) return new Map();
  const rows = await db
    .select()
    .from(watchedFiles)
    .where(and(eq(watchedFiles.importId, importId), inArray(watchedFiles.fileHash, hashes)));
  return new Map(rows.map((row) => [row.fileHash, row]));
}

/** Notes files that are new, or were changed. */
export async function noteWatchedFiles(
  db: Db,
  { importId, files, now }: { importId: string; files: SeenFile[]; now: Date },
): Promise<void> {
  if (files.length === 0) return;
  await db
    .insert(watchedFiles)
    .values(files.map((file) => ({ importId, ...file, notedAt: now })))
    .onConflictDoUpdate({
      target: [watchedFiles.importId, watchedFiles.fileHash],
      set: {
        size: sql`excluded.size`,
        modifiedMs: sql`excluded.modified_ms`,
        notedAt: sql`excluded.noted_at`,
        isSettled: false,
      },
    });
}

/**
 * Settles a file that was noted with this size and time, and counts it, unless its bytes are those that were last taken. What
 * is refused is listed until it is settled otherwise. Undefined when it was settled before, or the import has ended.
 */
export async function settleWatchedFile(
  db: Db,
  params: SeenFile & {
    importId: string;
    /** The file's name as displayed. */
    shown: string;
    contentHash: string | null;
    outcome: Exclude<WatchedOutcome, "failed"> | { code: string; message: string };
  },
): Promise<PhotoImport | undefined> {
  const { importId, fileHash, size, modifiedMs, shown, contentHash, outcome } = params;
  const refusal = typeof outcome === "string" ? undefined : outcome;
  const isFile = and(eq(watchedFiles.importId, importId), eq(watchedFiles.fileHash, fileHash));
  return db.transaction(async (tx) => {
    const [current] = await tx
      .select()
      .from(photoImports)
      .where(and(eq(photoImports.id, importId), live))
      .for("update");
    const [noted] = await tx.select().from(watchedFiles).where(isFile).for("update");
    const isCurrent = noted?.size === size && noted.modifiedMs === modifiedMs;
    if (!current || !isCurrent || noted.isSettled) return undefined;
    await noteContent(tx, { importId, contentHash });
    if (noted.faultId !== null) {
      await tx.delete(photoImportFaults).where(eq(photoImportFaults.id, noted.faultId));
    }
    const [fault] = refusal
      ? await tx
          .insert(photoImportFaults)
          .values({ importId, file: shown, ...refusal })
          .returning({ id: photoImportFaults.id })
      : [];
    await tx
      .update(watchedFiles)
      .set({
        isSettled: true,
        outcome: typeof outcome === "string" ? outcome : "failed",
        contentHash: contentHash ?? noted.contentHash,
        faultId: fault?.id ?? null,
      })
      .where(isFile);
    const isSame =
      contentHash === null ? outcome === noted.outcome : contentHash === noted.contentHash;
    const failed = current.failed + (fault ? 1 : 0) - (noted.faultId === null ? 0 : 1);
    const counts = { ...current, failed };
    if (typeof outcome === "string" && !isSame) counts[outcome] += 1;
    const { imported, duplicates, sidecars } = counts;
    const found = imported + duplicates + sidecars + failed;
    const [after] = await tx
      .update(photoImports)
      .set({ imported, duplicates, sidecars, failed, found })
      .where(eq(photoImports.id, importId))
      .returning();
    return after;
  });
}

/** Notes bytes that a file of the folder had, in the transaction that makes a photo of them, or later. null: not a picture. */
export async function noteContent(
  tx: Tx,
  { importId, contentHash }: { importId: string; contentHash: string | null },
): Promise<void> {
  if (contentHash === null) return;
  await tx.insert(watchedContents).values({ importId, contentHash }).onConflictDoNothing();
}

/** Whether a photo was made of these bytes, or they were known, when a file of this folder had them. */
export async function isContentTaken(
  db: Db,
  { importId, contentHash }: { importId: string; contentHash: string },
): Promise<boolean> {
  const isContent = and(
    eq(watchedContents.importId, importId),
    eq(watchedContents.contentHash, contentHash),
  );
  return (await db.$count(watchedContents, isContent)) > 0;
}

/**
 * Forgets refused files, and those that may still be written, that the folder no longer has.
 * @param present the hashes of the names of those that it has
 */
export async function forgetGoneFiles(
  db: Db,
  { importId, present }: { importId: string; present: ReadonlySet<string> },
): Promise<void> {
  const isOpen = or(not(watchedFiles.isSettled), eq(watchedFiles.outcome, "failed"));
  const isOfImport = and(eq(watchedFiles.importId, importId), isOpen);
  if ((await db.$count(watchedFiles, isOfImport)) === present.size) return;
  const rows = await db
    .select({ fileHash: watchedFiles.fileHash })
    .from(watchedFiles)
    .where(isOfImport);
  const gone = rows.map(({ fileHash }) => fileHash).filter((hash) => !present.has(hash));
  for (let at = 0; at < gone.length; at += filesPerDeletion) {
    const isGone = inArray(watchedFiles.fileHash, gone.slice(at, at + filesPerDeletion));
    await db.transaction(async (tx) => {
      const forgotten = await tx
        .delete(watchedFiles)
        .where(and(isOfImport, isGone))
        .returning({ faultId: watchedFiles.faultId });
      const faults = forgotten.flatMap(({ faultId }) => (faultId === null ? [] : [faultId]));
      if (faults.length === 0) return;
      await tx.delete(photoImportFaults).where(inArray(photoImportFaults.id, faults));
      await tx
        .update(photoImports)
        .set({
          failed: sql`${photoImports.failed} - ${faults.length}`,
          found: sql`${photoImports.found} - ${faults.length}`,
        })
        .where(eq(photoImports.id, importId));
    });
  }
}

/** Notes a check of the whole folder, or why it was not possible. */
export async function noteFolderCheck(
  db: Db,
  params: { importId: string } & ({ lookedAt: Date; changing: number } | { awayReason: string }),
): Promise<void> {
  const { importId, ...check } = params;
  const change = "awayReason" in check ? check : { ...check, awayReason: null };
  await db.update(photoImports).set(change).where(eq(photoImports.id, importId));
}
