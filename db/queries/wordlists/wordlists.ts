import { arrayContains, asc, eq, gt, inArray, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type Wordlist, wordlists } from "../../schema/wordlists";

/** Serial with other writes of lists, until the transaction ends: each checks what the others refer to. */
export async function lockWordlists(tx: Tx): Promise<void> {
  await tx.execute(sql`lock table wordlists in share row exclusive mode`);
}

/** Lists by name. `entries` are left out: a page of lists could hold megabytes. */
export async function listWordlists(
  db: Db,
  params: { afterName: string | null; limit: number; offset: number },
) {
  const { id, name, refersTo, createdAt, updatedAt } = wordlists;
  const size = sql<number>`cardinality(${wordlists.entries})`;
  return db
    .select({ id, name, refersTo, createdAt, updatedAt, size })
    .from(wordlists)
    .where(params.afterName === null ? undefined : gt(wordlists.name, params.afterName))
    .orderBy(asc(wordlists.name))
    .limit(params.limit)
    .offset(params.offset);
}

export async function countWordlists(db: Db | Tx): Promise<number> {
  return db.$count(wordlists);
}

/** undefined when the list does not exist. */
export async function findWordlist(
  db: Db | Tx,
  by: { id: string } | { name: string },
): Promise<Wordlist | undefined> {
  const [row] = await db
    .select()
    .from(wordlists)
    .where("id" in by ? eq(wordlists.id, by.id) : eq(wordlists.name, by.name));
  return row;
}

/** The lists with these names, as far as they exist. */
export async function findWordlists(db: Db | Tx, names: string[]): Promise<Wordlist[]> {
  if (names.length === 0) return [];
  return db.select().from(wordlists).where(inArray(wordlists.name, names));
}

/** The names of the lists that refer to this one. */
export async function listReferrers(db: Db | Tx, name: string): Promise<string[]> {
  const rows = await db
    .select({ name: wordlists.name })
    .from(wordlists)
    .where(arrayContains(wordlists.refersTo, [name]))
    .orderBy(asc(wordlists.name));
  return rows.map((row) => row.name);
}

type WordlistFields = Pick<Wordlist, "name" | "entries" | "refersTo">;

/** Inserts a list; false when one with that name exists. */
export async function insertWordlist(
  tx: Tx,
  list: { id: string } & WordlistFields,
): Promise<boolean> {
  const made = await tx
    .insert(wordlists)
    .values(list)
    .onConflictDoNothing({ target: wordlists.name })
    .returning({ id: wordlists.id });
  return made.length === 1;
}

export async function updateWordlist(
  tx: Tx,
  params: { id: string; change: Partial<WordlistFields>; now: Date },
): Promise<void> {
  await tx
    .update(wordlists)
    .set({ ...params.change, updatedAt: params.now })
    .where(eq(wordlists.id, params.id));
}

export async function deleteWordlist(tx: Tx, id: string): Promise<void> {
  await tx.delete(wordlists).where(eq(wordlists.id, id));
}
