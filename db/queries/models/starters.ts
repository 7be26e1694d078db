import { eq, sql } from "drizzle-orm";
import type { Db } from "../../client";
import { type StarterList, starterLists } from "../../schema/model-installs";
import { backends } from "../../schema/backends";

/** What the place in force offered when its models were last read; undefined: not read yet. */
export async function findStarterList(db: Db): Promise<StarterList | undefined> {
  const [found] = await db
    .select({ list: starterLists })
    .from(starterLists)
    .innerJoin(backends, eq(backends.modelList, starterLists.place))
    .where(eq(backends.inForce, true));
  return found?.list;
}

/** Stores what a place offers, unless a newer list is stored. */
export async function saveStarterList(db: Db, list: StarterList): Promise<void> {
  const { models, bundles, readAt } = list;
  await db
    .insert(starterLists)
    .values(list)
    .onConflictDoUpdate({
      target: starterLists.place,
      set: { models, bundles, readAt },
      setWhere: sql`${starterLists.readAt} < ${readAt.toISOString()}::timestamptz`,
    });
}
