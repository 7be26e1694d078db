import { and, desc, eq, isNull, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type ModelInstall, modelInstalls } from "../../schema/model-installs";
import { placeInForce } from "../backends/in-force";
import { insertEvents } from "../events/events";
import { installEvent, isOpen, modelListOf } from "./installs";

type Request = { id: string; place: string; source: string; podSessionId: string | null };

/**
 * Requests an install. While one is open for the source at this place, or its model is there, that one is returned instead: the
 * owner's request withdraws a cancel that was not effective yet, and outlives the pod that had asked first.
 */
export async function requestInstall(
  db: Db,
  params: Request & { now: Date },
): Promise<ModelInstall> {
  const { now, ...request } = params;
  const { id, podSessionId } = request;
  for (;;) {
    const created = await db.transaction(async (tx) => {
      const [same] = await tx.select().from(modelInstalls).where(eq(modelInstalls.id, id));
      const known = same ?? (await findInstalled(tx, request));
      if (known) return known;
      const [row] = await tx
        .insert(modelInstalls)
        .values({ ...request, createdAt: now })
        .onConflictDoNothing()
        .returning();
      if (row) await insertEvents(tx, [installEvent(row)]);
      return row;
    });
    if (created) return created;
    const open = podSessionId === null ? await takeOver(db, request) : await findOpen(db, request);
    // Otherwise it has just ended.
    if (open) return open;
  }
}

async function findOpen(db: Db, { place, source }: Request): Promise<ModelInstall | undefined> {
  const [open] = await db.select().from(modelInstalls).where(isOpenOf(place, source));
  return open;
}

/** An open install is the owner's from now on. */
async function takeOver(db: Db, { place, source }: Request): Promise<ModelInstall | undefined> {
  const [open] = await db
    .update(modelInstalls)
    .set({ podSessionId: null, cancelRequestedAt: null })
    .where(isOpenOf(place, source))
    .returning();
  return open;
}

const isOpenOf = (place: string, source: string) =>
  and(eq(modelInstalls.place, place), eq(modelInstalls.source, source), isOpen);

/**
 * The newest install whose model its place still had when its models were last read. Of pods without a volume only the one in
 * force counts: each begins without models.
 */
async function findInstalled(
  tx: Tx,
  { place, source }: Request,
): Promise<ModelInstall | undefined> {
  const [row] = await tx
    .select()
    .from(modelInstalls)
    .where(
      and(
        eq(modelInstalls.place, place),
        eq(modelInstalls.source, source),
        eq(modelInstalls.status, "completed"),
        sql`exists (select from model_places there
          where there.place = ${modelInstalls.place} and there.key = ${modelInstalls.modelKey})`,
        sql`(${modelInstalls.place} <> 'remote' or ${modelInstalls.backend} = ${placeInForce})`,
      ),
    )
    .orderBy(desc(modelInstalls.createdAt))
    .limit(1);
  return row;
}

/** Requests the cancel of an open install; false when it has ended. */
export async function requestInstallCancel(
  db: Db,
  params: { id: string; now: Date },
): Promise<boolean> {
  const rows = await db
    .update(modelInstalls)
    .set({
      cancelRequestedAt: sql`coalesce(${modelInstalls.cancelRequestedAt}, ${params.now.toISOString()}::timestamptz)`,
    })
    .where(and(eq(modelInstalls.id, params.id), isOpen))
    .returning({ id: modelInstalls.id });
  return rows.length === 1;
}

const isWanted = and(isOpen, isNull(modelInstalls.cancelRequestedAt));

/** How many installs are being done at a place, or wait for that. */
export async function countOpenInstalls(db: Db | Tx, place: string): Promise<number> {
  return db.$count(modelInstalls, and(eq(modelInstalls.place, modelListOf(place)), isWanted));
}

/**
 * When the owner last asked for an install at a place that has not ended; null: none is open. Those of `backend.models` do not
 * count: a pod asks for them, so they are no reason to rent one.
 */
export async function findNewestInstallRequest(db: Db | Tx, place: string): Promise<Date | null> {
  const isOfPlace = eq(modelInstalls.place, modelListOf(place));
  const [row] = await db
    .select({ at: modelInstalls.createdAt })
    .from(modelInstalls)
    .where(and(isOfPlace, isWanted, isNull(modelInstalls.podSessionId)))
    .orderBy(desc(modelInstalls.createdAt))
    .limit(1);
  return row?.at ?? null;
}
