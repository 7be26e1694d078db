import { eq, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type Backend, backends } from "../../schema/backends";
import { insertEvents } from "../events/events";

// An arbitrary number. A row lock is not enough: a statement that waited for the row sees no other row in force.
const lineLock = 7_361_204;

/** The place that requests and new turns mean. */
export const placeInForce = sql`(select ref from backends where in_force)`;

/** The row of the place in force, as last known. */
export async function getPlaceInForce(db: Db | Tx): Promise<Backend> {
  return theOne(await db.select().from(backends).where(eq(backends.inForce, true)));
}

/** The same, locked: its turns are granted and released one after the other, and it stays in force meanwhile. */
export async function lockPlaceInForce(tx: Tx): Promise<Backend> {
  await tx.execute(sql`select pg_advisory_xact_lock(${lineLock})`);
  return theOne(await tx.select().from(backends).where(eq(backends.inForce, true)).for("update"));
}

/**
 * Makes a place the one that requests and new turns mean; false when it is already. Runs that hold a turn keep their
 * place. Turns are granted there only after another check, for which the caller signals `lookAgain` to `invokeai-backend`.
 * It inserts an event, so it comes last in its transaction.
 */
export async function putInForce(tx: Tx, ref: string): Promise<boolean> {
  const before = await lockPlaceInForce(tx);
  if (before.ref === ref) return false;
  await tx.update(backends).set({ inForce: false }).where(eq(backends.ref, before.ref));
  const set = { inForce: true, ready: false };
  const [now] = await tx
    .insert(backends)
    .values({ ref, ...set })
    .onConflictDoUpdate({ target: backends.ref, set })
    .returning();
  if (now && now.connected !== before.connected) {
    const data = { connected: now.connected, api_version: now.apiVersion };
    await insertEvents(tx, [{ type: "backend.changed", sessionId: null, data }]);
  }
  return true;
}

function theOne([row]: Backend[]): Backend {
  if (!row) throw new Error("no place is in force");
  return row;
}
