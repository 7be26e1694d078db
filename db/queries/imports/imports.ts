import { and, asc, desc, eq, gt, inArray, isNull, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import type { EventType, NewEvent } from "../../schema/events";
import {
  type ImportStatus,
  type PhotoImport,
  photoImportFaults,
  photoImports,
} from "../../schema/imports";
import { insertEvents } from "../events/events";
import { isOlder, type Page, type TimePlace } from "../page";

const watchLock = 7_361_206;

/** Whether an import has not ended. */
export const live = inArray(photoImports.status, ["pending", "processing"]);

const eventOf = (type: Extract<EventType, `import.${string}`>, row: PhotoImport): NewEvent => ({
  type,
  sessionId: null,
  data: {
    import_id: row.id,
    status: row.status,
    found: row.found,
    imported: row.imported,
    duplicates: row.duplicates,
    failed: row.failed,
    sidecars: row.sidecars,
  },
});

/** Inserts an import; an existing one does not change. */
export async function insertImport(
  tx: Tx,
  params: { id: string; path: string; root: string; makesAlbums: boolean; watches: boolean },
): Promise<void> {
  const [row] = await tx
    .insert(photoImports)
    .values(params)
    .onConflictDoNothing({ target: photoImports.id })
    .returning();
  if (row) await insertEvents(tx, [eventOf("import.requested", row)]);
}

/** The imports that watch their folders. Until the transaction ends, no other one can begin to watch. */
export async function lockWatchedFolders(tx: Tx): Promise<Pick<PhotoImport, "id" | "path">[]> {
  await tx.execute(sql`select pg_advisory_xact_lock(${watchLock})`);
  const { id, path } = photoImports;
  return tx
    .select({ id, path })
    .from(photoImports)
    .where(and(photoImports.watches, live))
    .orderBy(asc(photoImports.createdAt), asc(id));
}

export async function findImport(db: Db | Tx, id: string): Promise<PhotoImport | undefined> {
  const [row] = await db.select().from(photoImports).where(eq(photoImports.id, id));
  return row;
}

/** Imports, newest first. */
export async function listImports(
  db: Db,
  page: { after: TimePlace | null } & Page,
): Promise<PhotoImport[]> {
  return db
    .select()
    .from(photoImports)
    .where(isOlder({ at: photoImports.createdAt, id: photoImports.id }, page.after))
    .orderBy(desc(photoImports.createdAt), desc(photoImports.id))
    .limit(page.limit)
    .offset(page.offset);
}

export async function countImports(db: Db): Promise<number> {
  return db.$count(photoImports);
}

type ImportFault = { file: string; code: string; message: string };

/** The files that an import left out, in the folder's order. */
export async function listImportFaults(
  db: Db,
  params: { importId: string; limit: number },
): Promise<ImportFault[]> {
  const { file, code, message } = photoImportFaults;
  return db
    .select({ file, code, message })
    .from(photoImportFaults)
    .where(eq(photoImportFaults.importId, params.importId))
    .orderBy(asc(photoImportFaults.id))
    .limit(params.limit);
}

/** Requests the cancel of a live import; false when it has ended. */
export async function requestImportCancel(
  db: Db,
  params: { id: string; now: Date },
): Promise<boolean> {
  const rows = await db
    .update(photoImports)
    .set({
      cancelRequestedAt: sql`coalesce(${photoImports.cancelRequestedAt}, ${params.now.toISOString()}::timestamptz)`,
    })
    .where(and(eq(photoImports.id, params.id), live))
    .returning({ id: photoImports.id });
  return rows.length === 1;
}

/** Imports whose run must be open, by id, a page at a time. */
export async function listLiveImports(
  db: Db,
  params: { afterId: string | null; limit: number },
): Promise<{ id: string }[]> {
  const { afterId } = params;
  return db
    .select({ id: photoImports.id })
    .from(photoImports)
    .where(and(live, afterId === null ? undefined : gt(photoImports.id, afterId)))
    .orderBy(asc(photoImports.id))
    .limit(params.limit);
}

/** Starts or resumes an import; undefined when it has ended. `isNew`: its files were not counted yet. */
export async function startImport(
  db: Db,
  params: { id: string; now: Date },
): Promise<(Pick<PhotoImport, "root" | "watches"> & { isNew: boolean }) | undefined> {
  return db.transaction(async (tx) => {
    const [begun] = await tx
      .update(photoImports)
      .set({ status: "processing", startedAt: params.now })
      .where(and(eq(photoImports.id, params.id), eq(photoImports.status, "pending")))
      .returning();
    if (begun) {
      await insertEvents(tx, [eventOf("import.started", begun)]);
      return { isNew: true, root: begun.root, watches: begun.watches };
    }
    const [row] = await tx
      .select()
      .from(photoImports)
      .where(and(eq(photoImports.id, params.id), live));
    return row && { isNew: row.found === 0, root: row.root, watches: row.watches };
  });
}

export async function noteFound(db: Db, params: { id: string; found: number }): Promise<void> {
  await db.update(photoImports).set({ found: params.found }).where(eq(photoImports.id, params.id));
}

/**
 * Counts a file exactly once and moves the position to it. undefined when another worker counted it, or when the import has
 * ended: the caller must stop.
 */
export async function settleFile(
  db: Db,
  params: {
    id: string;
    from: string | null;
    file: string;
    /** The file's name as displayed. */
    shown: string;
    outcome: "imported" | "duplicates" | "sidecars" | { code: string; message: string };
  },
): Promise<PhotoImport | undefined> {
  const { id, from, file, shown, outcome } = params;
  const counter = typeof outcome === "string" ? outcome : "failed";
  return db.transaction(async (tx) => {
    const [row] = await tx
      .update(photoImports)
      .set({
        position: file,
        awayReason: null,
        [counter]: sql`${photoImports[counter]} + 1`,
        // Files that were added after the count.
        found: sql`greatest(${photoImports.found}, ${photoImports.imported} + ${photoImports.duplicates} + ${photoImports.failed} + ${photoImports.sidecars} + 1)`,
      })
      .where(
        and(
          eq(photoImports.id, id),
          live,
          from === null ? isNull(photoImports.position) : eq(photoImports.position, from),
        ),
      )
      .returning();
    if (row && typeof outcome !== "string") {
      await tx.insert(photoImportFaults).values({ importId: id, file: shown, ...outcome });
    }
    return row;
  });
}

/** Emits an event with the import's counts. */
export async function emitImportProgress(db: Db, row: PhotoImport): Promise<void> {
  await db.transaction((tx) => insertEvents(tx, [eventOf("import.progress", row)]));
}

/** Ends a live import; false when it has ended before. */
export async function endImport(
  db: Db,
  params: {
    id: string;
    status: Extract<ImportStatus, "completed" | "failed" | "cancelled">;
    error: string | null;
    now: Date;
  },
): Promise<boolean> {
  const { id, status, error, now } = params;
  return db.transaction(async (tx) => {
    const [ended] = await tx
      .update(photoImports)
      .set({ status, error, completedAt: now })
      .where(and(eq(photoImports.id, id), live))
      .returning();
    if (!ended) return false;
    const row = status === "completed" ? await noteGoneFiles(tx, ended) : ended;
    await insertEvents(tx, [eventOf(`import.${status}`, row)]);
    return true;
  });
}

/** Files that were counted but are gone are recorded as one fault: their names are not known. */
async function noteGoneFiles(tx: Tx, row: PhotoImport): Promise<PhotoImport> {
  const gone = row.found - row.imported - row.duplicates - row.failed - row.sidecars;
  if (gone <= 0) return row;
  const files = gone === 1 ? "1 file" : `${gone} files`;
  await tx.insert(photoImportFaults).values({
    importId: row.id,
    file: ".",
    code: "left_out",
    message: `Gone while the folder was imported: ${files}; import the folder again if they are back.`,
  });
  const counts = { found: row.found - gone + 1, failed: row.failed + 1 };
  await tx.update(photoImports).set(counts).where(eq(photoImports.id, row.id));
  return { ...row, ...counts };
}
