import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { is, SQL, type Table } from "drizzle-orm";
import { getTableConfig, IndexedColumn, PgColumn, PgDialect, PgTable } from "drizzle-orm/pg-core";
import * as schema from "#db/schema/index";

const document = "docs/database.md";
const rebuild = "bun dev/database-doc.ts";

const preamble = `# Database

Made from \`db/schema/\` by \`${rebuild}\`; change it there, not here. The relations between
the tables are described in [architecture.md](architecture.md), the terms in [glossary.md](glossary.md).

A time is a \`timestamp (3) with time zone\`, so that a cursor keeps its value in the driver.
Columns without a note are explained by their name.`;

/** Docstrings of the schema's sources: of tables by their variable, of columns by `variable.property`. */
type Notes = ReadonlyMap<string, string>;

/** The Markdown of docs/database.md for the current schema. */
async function buildDatabaseDoc(root: string): Promise<string> {
  const notes = await readNotes(join(root, "db/schema"));
  const tables = Object.entries(schema)
    .flatMap(([variable, value]) => (is(value, PgTable) ? [[variable, value] as const] : []))
    .toSorted(([, a], [, b]) => (nameOf(a) < nameOf(b) ? -1 : 1));
  const sections = tables.map(([variable, table]) => describeTable(table, variable, notes));
  return `${[preamble, ...sections].join("\n\n")}\n`;
}

/** What to do when the committed document is out of date; undefined when it is current. */
export async function checkDatabaseDoc(root: string): Promise<string | undefined> {
  const committed = await Bun.file(join(root, document))
    .text()
    .catch(() => "");
  if (committed === (await buildDatabaseDoc(root))) return undefined;
  return `${document} is not in step with db/schema; run: ${rebuild}`;
}

function describeTable(table: PgTable, variable: string, notes: Notes): string {
  const { name, columns, primaryKeys, foreignKeys, indexes, checks } = getTableConfig(table);
  const properties = new Map(
    Object.entries(table).flatMap(([key, value]) =>
      is(value, PgColumn) ? [[value.name, key] as const] : [],
    ),
  );
  const rows = columns.map((column) => [
    code(column.name),
    `${column.getSQLType()}${column.notNull ? "" : ", or null"}`,
    defaultOf(column),
    cell(notes.get(`${variable}.${properties.get(column.name)}`) ?? ""),
  ]);
  const keys = primaryKeys.map((key) => list(key.columns));
  const single = columns.filter((column) => column.primary).map((column) => code(column.name));
  const rules = [
    ...[...keys, ...single].map((key) => `- primary key: ${key}`),
    ...foreignKeys.map(describeForeignKey).toSorted(),
    ...indexes.map(({ config }) => describeIndex(config)),
    ...checks.map((check) => `- check ${code(check.name)}: ${code(sqlText(check.value))}`),
  ];
  const note = notes.get(variable);
  return [
    `## ${name}`,
    ...(note === undefined ? [] : [note]),
    drawTable(["column", "type", "default", "note"], rows),
    rules.join("\n"),
  ].join("\n\n");
}

function describeForeignKey(key: ReturnType<typeof getTableConfig>["foreignKeys"][number]): string {
  const { columns, foreignTable, foreignColumns } = key.reference();
  const target = `${code(nameOf(foreignTable))} (${list(foreignColumns)})`;
  return `- ${list(columns)} → ${target}, on delete ${key.onDelete ?? "no action"}`;
}

type IndexConfig = ReturnType<typeof getTableConfig>["indexes"][number]["config"];

function describeIndex({ name, unique, columns, where }: IndexConfig): string {
  const parts = columns.map((column) => {
    if (!is(column, IndexedColumn)) return code(sqlText(column as SQL));
    return code(`${column.name}${column.indexConfig.order === "desc" ? " desc" : ""}`);
  });
  const condition = where ? ` where ${code(sqlText(where))}` : "";
  return `- ${unique ? "unique" : "index"} ${code(name ?? "")}: ${parts.join(", ")}${condition}`;
}

function defaultOf(column: PgColumn): string {
  if (column.generatedIdentity) return "counted up";
  if (!column.hasDefault) return "";
  const value: unknown = column.default;
  if (value === undefined) return "";
  return code(is(value, SQL) ? sqlText(value) : JSON.stringify(value));
}

const dialect = new PgDialect();

/** A readable condition: without quotes and table names. */
function sqlText(value: SQL): string {
  return dialect
    .sqlToQuery(value)
    .sql.replaceAll(/"\w+"\."(\w+)"/g, "$1")
    .replaceAll(/"(\w+)"/g, "$1")
    .replaceAll(/\s+/g, " ");
}

/** Aligned in the same way as by the project's formatter. */
function drawTable(head: string[], rows: string[][]): string {
  const widths = head.map((title, at) =>
    Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)),
  );
  const line = (cells: string[], fill: string) =>
    `| ${cells.map((text, at) => text.padEnd(widths[at] ?? 0, fill)).join(" | ")} |`;
  return [
    line(head, " "),
    line(
      head.map(() => "-"),
      "-",
    ),
    ...rows.map((row) => line(row, " ")),
  ].join("\n");
}

async function readNotes(folder: string): Promise<Notes> {
  const notes = new Map<string, string>();
  for (const file of (await readdir(folder)).toSorted()) {
    let table = "";
    const source = await Bun.file(join(folder, file)).text();
    const named =
      /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s+)?(?:export const (\w+) = pgTable\(|^ {4}(\w+): )/gm;
    for (const [, note, variable, property] of source.matchAll(named)) {
      if (variable !== undefined) table = variable;
      if (note === undefined) continue;
      const words = note.replaceAll(/\s*\n\s*\* ?/g, " ").trim();
      notes.set(variable ?? `${table}.${property}`, words);
    }
  }
  return notes;
}

function nameOf(table: Table): string {
  return getTableConfig(table as PgTable).name;
}

const code = (text: string) => `\`${text}\``;
const cell = (text: string) => text.replaceAll("|", "\\|");
const list = (columns: { name: string }[]) => columns.map((column) => code(column.name)).join(", ");

if (import.meta.main) {
  const root = dirname(import.meta.dir);
  await Bun.write(join(root, document), await buildDatabaseDoc(root));
}
