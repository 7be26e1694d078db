import { eq } from "drizzle-orm";
import type { Db } from "../client";
import { type Backend, backends } from "../schema/backends";

/** What was last seen of a place where InvokeAI runs; undefined before the first look. */
export async function findBackend(db: Db, ref: string): Promise<Backend | undefined> {
  const [row] = await db.select().from(backends).where(eq(backends.ref, ref));
  return row;
}
