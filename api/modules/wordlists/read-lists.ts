import type { Db, Tx } from "#db/client";
import { findWordlists } from "#db/queries/wordlists/wordlists";
import type { Entries } from "./expand";

/** How many lists may follow each other: a list whose entries name a list, whose entries name a list, … */
const maxNesting = 5;
/** Their entries are read for each request. */
const maxLists = 50;

/**
 * Reads the named lists, and those that their entries name. `fault`: one does not exist, they name each other in a circle,
 * nest too deeply, or are too many, whatever the seed would choose.
 */
export async function readLists(
  db: Db | Tx,
  names: readonly string[],
): Promise<{ lists: Entries } | { fault: string }> {
  const lists = new Map<string, readonly string[]>();
  const refersTo = new Map<string, string[]>();
  for (let wanted = [...names]; wanted.length > 0;) {
    const found = await findWordlists(db, wanted);
    const unknown = wanted.find((name) => !found.some((list) => list.name === name));
    if (unknown !== undefined) {
      return { fault: `names the list __${unknown}__, which does not exist; see GET /wordlists` };
    }
    for (const list of found) {
      lists.set(list.name, list.entries);
      refersTo.set(list.name, list.refersTo);
    }
    wanted = [...new Set(found.flatMap((list) => list.refersTo))].filter(
      (name) => !lists.has(name),
    );
    if (lists.size + wanted.length > maxLists) {
      return { fault: `names more than ${maxLists} lists, with those that they name` };
    }
  }
  const fault = findNestingFault(names, refersTo);
  return fault === undefined ? { lists } : { fault };
}

function findNestingFault(
  names: readonly string[],
  refersTo: ReadonlyMap<string, readonly string[]>,
): string | undefined {
  const open = new Set<string>();
  const depths = new Map<string, number>();
  /** How many lists follow each other from this one on; infinite in a circle. */
  const depthOf = (name: string): number => {
    if (open.has(name)) return Infinity;
    let depth = depths.get(name);
    if (depth === undefined) {
      open.add(name);
      depth = 1 + Math.max(0, ...(refersTo.get(name) ?? []).map(depthOf));
      open.delete(name);
      depths.set(name, depth);
    }
    return depth;
  };
  for (const name of names) {
    const depth = depthOf(name);
    if (depth === Infinity) return `names the list __${name}__, which leads back to itself`;
    if (depth > maxNesting) {
      return `names the list __${name}__, whose lists nest deeper than ${maxNesting}`;
    }
  }
  return undefined;
}
