import type { Tx } from "#db/client";
import {
  countWordlists,
  deleteWordlist,
  findWordlist,
  insertWordlist,
  listReferrers,
  lockWordlists,
  updateWordlist,
} from "#db/queries/wordlists/wordlists";
import type { Wordlist } from "#db/schema/wordlists";
import { conflict, invalid, notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import { isUuid } from "../../fields/ids";
import { readLists } from "./read-lists";

type Deps = Pick<ApiDeps, "database" | "now">;
type Fields = Pick<Wordlist, "name" | "entries" | "refersTo">;

const maxLists = 500;

/** A list by its name, in any case, or by its id. */
export async function getWordlist(db: Parameters<typeof findWordlist>[0], nameOrId: string) {
  const text = nameOrId.toLowerCase();
  const list = await findWordlist(db, isUuid(text) ? { id: text } : { name: text });
  if (!list) throw notFound("word list");
  return list;
}

/**
 * Creates a list. Does nothing when the id exists already.
 * @throws AppError conflict, validation_error
 */
export async function createWordlist(
  { database }: Deps,
  list: { id: string } & Fields,
): Promise<void> {
  await database.db.transaction(async (tx) => {
    await lockWordlists(tx);
    if (await findWordlist(tx, { id: list.id })) return;
    if ((await countWordlists(tx)) >= maxLists) {
      throw conflict(`There are ${maxLists} lists already; delete one first.`);
    }
    if (!(await insertWordlist(tx, list))) throw nameTaken(list.name);
    await checkReferences(tx, list.name);
  });
}

/**
 * Changes a list. Steps that were expanded with it keep their prompts.
 * @throws AppError not_found, conflict, validation_error
 */
export async function changeWordlist(
  { database, now }: Deps,
  nameOrId: string,
  change: Partial<Fields>,
): Promise<Wordlist> {
  return database.db.transaction(async (tx) => {
    await lockWordlists(tx);
    const list = await getWordlist(tx, nameOrId);
    const { name = list.name } = change;
    if (name !== list.name) {
      await refuseIfUsed(tx, list, "renamed");
      if (await findWordlist(tx, { name })) throw nameTaken(name);
    }
    await updateWordlist(tx, { id: list.id, change, now: now() });
    await checkReferences(tx, name);
    return getWordlist(tx, list.id);
  });
}

/** @throws AppError not_found; conflict while another list refers to it */
export async function removeWordlist({ database }: Deps, nameOrId: string): Promise<void> {
  await database.db.transaction(async (tx) => {
    await lockWordlists(tx);
    const list = await getWordlist(tx, nameOrId);
    await refuseIfUsed(tx, list, "deleted");
    await deleteWordlist(tx, list.id);
  });
}

async function refuseIfUsed(tx: Tx, { name }: Wordlist, what: "renamed" | "deleted") {
  const referrers = await listReferrers(tx, name);
  if (referrers.length === 0) return;
  throw conflict(
    `The list cannot be ${what} while other lists refer to it: ${referrers.slice(0, 10).join(", ")}.`,
  );
}

async function checkReferences(tx: Tx, name: string): Promise<void> {
  const read = await readLists(tx, [name]);
  if ("lists" in read) return;
  throw invalid("The list cannot be stored; see details.errors.", [
    { path: "entries", message: read.fault },
  ]);
}

const nameTaken = (name: string) => conflict(`There is a list named ${name} already; change that.`);
