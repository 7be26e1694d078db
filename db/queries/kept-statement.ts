import type { Db } from "../client";

const kept = new WeakMap<Db, Map<string, unknown>>();

/**
 * A statement built once for a pool and a `key`, which names all that its text depends on. To build one takes
 * Drizzle as long as to read a page of fifty rows; values come in by placeholders.
 */
export function keepStatement<Statement>(db: Db, key: string, build: () => Statement): Statement {
  let statements = kept.get(db);
  if (!statements) kept.set(db, (statements = new Map()));
  const known = statements.get(key);
  // What is under a key was put there by the same caller: keys begin with its name.
  if (known !== undefined) return known as Statement;
  const built = build();
  statements.set(key, built);
  return built;
}
