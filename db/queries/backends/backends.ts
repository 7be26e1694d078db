import { eq } from "drizzle-orm";
import type { Db } from "../../client";
import { type Backend, backends } from "../../schema/backends";

/** A backend's last known state; undefined before the first check. */
export async function findBackend(db: Db, ref: string): Promise<Backend | undefined> {
  const [row] = await db.select().from(backends).where(eq(backends.ref, ref));
  return row;
}
