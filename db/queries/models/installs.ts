import { and, asc, desc, eq, gt, inArray, type SQL, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import type { NewEvent } from "../../schema/events";
import {
  type ModelInstall,
  type ModelInstallStatus,
  modelInstalls,
  openInstallStatuses,
} from "../../schema/model-installs";
import { insertEvents } from "../events/events";
import { isOlder, type Page, type TimePlace } from "../page";

export const isOpen = inArray(modelInstalls.status, [...openInstallStatuses]);

const eventTypes = {
  pending: "model.install.requested",
  processing: "model.install.started",
  completed: "model.install.completed",
  failed: "model.install.failed",
  cancelled: "model.install.cancelled",
} as const satisfies Record<ModelInstallStatus, string>;

/** By default the event of the status that an install has now. */
export const installEvent = (
  row: ModelInstall,
  type: (typeof eventTypes)[ModelInstallStatus] | "model.install.progress" = eventTypes[row.status],
): NewEvent => ({
  type,
  sessionId: null,
  data: {
    install_id: row.id,
    place: row.place,
    source: row.source,
    status: row.status,
    bytes: row.bytes,
    total_bytes: row.totalBytes,
    model_key: row.modelKey,
    error: row.error,
  },
});

/** The `model_list` of a place: all pods without a volume share one. */
export const modelListOf = (place: string): string => (place.startsWith("pod:") ? "remote" : place);

export async function findInstall(db: Db | Tx, id: string): Promise<ModelInstall | undefined> {
  const [row] = await db.select().from(modelInstalls).where(eq(modelInstalls.id, id));
  return row;
}

/** The newest install of a source at a place, of any status. */
export async function findNewestInstall(
  db: Db | Tx,
  params: { place: string; source: string },
): Promise<ModelInstall | undefined> {
  const { place, source } = params;
  const [row] = await db
    .select()
    .from(modelInstalls)
    .where(and(eq(modelInstalls.place, place), eq(modelInstalls.source, source)))
    .orderBy(desc(modelInstalls.createdAt))
    .limit(1);
  return row;
}

/** Installs, newest first. */
export async function listInstalls(
  db: Db,
  page: { after: TimePlace | null } & Page,
): Promise<ModelInstall[]> {
  return db
    .select()
    .from(modelInstalls)
    .where(isOlder({ at: modelInstalls.createdAt, id: modelInstalls.id }, page.after))
    .orderBy(desc(modelInstalls.createdAt), desc(modelInstalls.id))
    .limit(page.limit)
    .offset(page.offset);
}

export async function countInstalls(db: Db): Promise<number> {
  return db.$count(modelInstalls);
}

/** Installs whose run must be open, by id, a page at a time. */
export async function listOpenInstalls(
  db: Db,
  params: { afterId: string | null; limit: number },
): Promise<{ id: string }[]> {
  const { afterId } = params;
  return db
    .select({ id: modelInstalls.id })
    .from(modelInstalls)
    .where(and(isOpen, afterId === null ? undefined : gt(modelInstalls.id, afterId)))
    .orderBy(asc(modelInstalls.id))
    .limit(params.limit);
}

/** Still as it was seen: no other worker has moved it on. A cancel request does not count. */
function unchanged(seen: ModelInstall): SQL | undefined {
  return and(
    eq(modelInstalls.id, seen.id),
    eq(modelInstalls.status, seen.status),
    sql`${modelInstalls.sentAt} is not distinct from ${seen.sentAt?.toISOString() ?? null}::timestamptz`,
    sql`${modelInstalls.jobId} is not distinct from ${seen.jobId}::integer`,
  );
}

type Change = Partial<Omit<ModelInstall, "id" | "place" | "source" | "createdAt">>;

/** Changes an install, if it is still as it was seen; undefined when another worker was faster. */
export async function changeInstall(
  db: Db,
  params: { seen: ModelInstall; set: Change; only?: SQL },
): Promise<ModelInstall | undefined> {
  const { seen, set, only } = params;
  return db.transaction(async (tx) => {
    const [row] = await tx
      .update(modelInstalls)
      .set(set)
      .where(and(unchanged(seen), only))
      .returning();
    if (row && row.status !== seen.status) await insertEvents(tx, [installEvent(row)]);
    else if (row && tenthsOf(row) > tenthsOf(seen)) {
      await insertEvents(tx, [installEvent(row, "model.install.progress")]);
    }
    return row;
  });
}

/** How many tenths of a model are downloaded: events are kept for days, so not each change is one. */
function tenthsOf({ bytes, totalBytes }: ModelInstall): number {
  return totalBytes === null ? 0 : Math.floor((10 * bytes) / totalBytes);
}

type Ending =
  | { status: "completed"; modelKey: string }
  | { status: "failed"; error: string }
  /** `error`: when somebody else has cancelled it. */
  | { status: "cancelled"; error?: string };

/** Ends an open install; undefined when another worker was faster, or the owner has withdrawn a cancel. */
export async function endInstall(
  db: Db,
  params: { seen: ModelInstall; ending: Ending; now: Date },
): Promise<ModelInstall | undefined> {
  const { seen, ending, now } = params;
  const isAsked = ending.status === "cancelled" && ending.error === undefined;
  return changeInstall(db, {
    seen,
    set: {
      ...ending,
      ...(ending.status === "completed" && seen.totalBytes !== null && { bytes: seen.totalBytes }),
      message: null,
      completedAt: now,
    },
    ...(isAsked && { only: sql`${modelInstalls.cancelRequestedAt} is not null` }),
  });
}
