import { and, asc, desc, eq, gt, inArray, isNull, sql } from "drizzle-orm";
import type { Db } from "../client";
import {
  type ImportStatus,
  type PhotoImport,
  photoImportFaults,
  photoImports,
} from "../schema/imports";
import { insertEvents } from "./events";

const live = inArray(photoImports.status, ["pending", "processing"]);

const eventOf = (
  type: `import.${string}` & Parameters<typeof insertEvents>[1][number]["type"],
  row: PhotoImport,
) => ({
  type,
  sessionId: null,
  data: {
    import_id: row.id,
    status: row.status,
    found: row.found,
    imported: row.imported,
    duplicates: row.duplicates,
    failed: row.failed,
  },
});

/** Writes the request for an import; one that is there already stays as it is. */
export async function insertImport(
  db: Db,
  params: { id: string; path: string; makesAlbums: boolean },
): Promise<void> {
  await db.transaction(async (tx) => {
    const [row] = await tx.insert(photoImports).values(params).onConflictDoNothing().returning();
    if (row) await insertEvents(tx, [eventOf("import.requested", row)]);
  });
}

export async function findImport(db: Db, id: string): Promise<PhotoImport | undefined> {
  const [row] = await db.select().from(photoImports).where(eq(photoImports.id, id));
  return row;
}

/** Imports, newest first. */
export async function listImports(
  db: Db,
  page: { after: { at: Date; id: string } | null; limit: number; offset: number },
): Promise<PhotoImport[]> {
  const { after } = page;
  return db
    .select()
    .from(photoImports)
    .where(
      after === null
        ? undefined
        : sql`(${photoImports.createdAt}, ${photoImports.id}) < (${after.at.toISOString()}::timestamptz, ${after.id}::uuid)`,
    )
    .orderBy(desc(photoImports.createdAt), desc(photoImports.id))
    .limit(page.limit)
    .offset(page.offset);
}

export async function countImports(db: Db): Promise<number> {
  return db.$count(photoImports);
}

type ImportFault = { file: string; code: string; message: string };

/** What an import left out, in the order of the folder. */
export async function listImportFaults(
  db: Db,
  params: { importId: string; limit: number },
): Promise<ImportFault[]> {
  const { file, code, message } = photoImportFaults;
  return db
    .select({ file, code, message })
    .from(photoImportFaults)
    .where(eq(photoImportFaults.importId, params.importId))
    .orderBy(asc(photoImportFaults.file))
    .limit(params.limit);
}

/** Asks a live import to stop; false when it has ended. */
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

/** Takes an import up; undefined when it has ended. `startedAt` tells whether it was taken up before. */
export async function startImport(
  db: Db,
  params: { id: string; now: Date },
): Promise<{ isNew: boolean } | undefined> {
  return db.transaction(async (tx) => {
    const [begun] = await tx
      .update(photoImports)
      .set({ status: "processing", startedAt: params.now })
      .where(and(eq(photoImports.id, params.id), eq(photoImports.status, "pending")))
      .returning();
    if (begun) {
      await insertEvents(tx, [eventOf("import.started", begun)]);
      return { isNew: true };
    }
    const [row] = await tx
      .select()
      .from(photoImports)
      .where(and(eq(photoImports.id, params.id), live));
    return row && { isNew: row.found === 0 };
  });
}

export async function noteFound(db: Db, params: { id: string; found: number }): Promise<void> {
  await db.update(photoImports).set({ found: params.found }).where(eq(photoImports.id, params.id));
}

/**
 * Counts a file once and moves the position to it. undefined when another worker was faster, or the import has ended:
 * then it is not ours any more.
 */
export async function settleFile(
  db: Db,
  params: {
    id: string;
    from: string | null;
    file: string;
    outcome: "imported" | "duplicates" | { code: string; message: string };
  },
): Promise<PhotoImport | undefined> {
  const { id, from, file, outcome } = params;
  const counter = typeof outcome === "string" ? outcome : "failed";
  return db.transaction(async (tx) => {
    const [row] = await tx
      .update(photoImports)
      .set({
        position: file,
        [counter]: sql`${photoImports[counter]} + 1`,
        // Files that came since they were counted.
        found: sql`greatest(${photoImports.found}, ${photoImports.imported} + ${photoImports.duplicates} + ${photoImports.failed} + 1)`,
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
      await tx.insert(photoImportFaults).values({ importId: id, file, ...outcome });
    }
    return row;
  });
}

/** Tells how far an import is. */
export async function tellImport(db: Db, row: PhotoImport): Promise<void> {
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
    const [row] = await tx
      .update(photoImports)
      .set({ status, error, completedAt: now })
      .where(and(eq(photoImports.id, id), live))
      .returning();
    if (row) await insertEvents(tx, [eventOf(`import.${status}`, row)]);
    return row !== undefined;
  });
}
