import { Column, type InferColumnsDataTypes, type Query } from "drizzle-orm";
import type { Db, Tx } from "./client";

const cached = new WeakMap<Db | Tx, Map<string, unknown>>();

/**
 * Builds a statement once for a pool or transaction and a `key`, which names everything that its text depends on. Building
 * one takes Drizzle as long as reading a page of fifty rows. Values are passed as placeholders.
 */
export function cacheStatement<Statement>(
  db: Db | Tx,
  key: string,
  build: () => Statement,
): Statement {
  let statements = cached.get(db);
  if (!statements) cached.set(db, (statements = new Map()));
  const known = statements.get(key);
  // A key begins with the name of its caller, so that the value has the caller's type.
  if (known !== undefined) return known as Statement;
  const built = build();
  statements.set(key, built);
  return built;
}

type Columns = Record<string, Column>;
type Rows<Selected extends Columns> = InferColumnsDataTypes<Selected>[];

/**
 * A cached, prepared statement that selects these columns. Its rows are converted column by column: Drizzle's general
 * conversion also handles joins and nested fields, and takes about twice as long.
 */
export function cacheSelect<Selected extends Columns>(
  db: Db,
  { key, columns }: { key: string; columns: Selected },
  build: () => { toSQL(): Query },
): (values: Record<string, unknown>) => Promise<Rows<Selected>> {
  const statement = cacheStatement(db, key, () => {
    const toRow = rowReader(columns);
    const toRows = (rows: unknown[][]) => rows.map(toRow);
    return db._.session.prepareQuery<{ execute: Rows<Selected>; all: never; values: never }>(
      build().toSQL(),
      undefined,
      key,
      true,
      toRows,
    );
  });
  return (values) => statement.execute(values);
}

/** Converts each value as Drizzle does: by its column, unless the column leaves values unchanged. */
function rowReader<Selected extends Columns>(
  columns: Selected,
): (values: unknown[]) => Rows<Selected>[number] {
  const fields = Object.entries(columns).map(([name, column]) => {
    const isAsIs = column.mapFromDriverValue === Column.prototype.mapFromDriverValue;
    return { name, column: isAsIs ? undefined : column };
  });
  // Copied, so that all rows share one shape: objects that grow field by field are slower to read.
  const empty = Object.fromEntries(fields.map(({ name }): [string, unknown] => [name, null]));
  return (values) => {
    const row = { ...empty };
    fields.forEach(({ name, column }, at) => {
      const value = values[at];
      if (value !== null) row[name] = column ? column.mapFromDriverValue(value) : value;
    });
    // One field for each column, converted by it.
    return row as Rows<Selected>[number];
  };
}
