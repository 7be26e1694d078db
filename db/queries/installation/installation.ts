import { randomBytes } from "node:crypto";
import type { Db } from "../../client";
import { type Installation, installation } from "../../schema/installation";

/** The installation's row; the first call creates it. */
export async function ensureInstallation(db: Db): Promise<Installation> {
  await db
    .insert(installation)
    .values({ cookieSecret: randomBytes(32).toString("base64url") })
    .onConflictDoNothing();
  const [row] = await db.select().from(installation);
  if (!row) throw new Error("the installation row vanished between two statements");
  return row;
}
