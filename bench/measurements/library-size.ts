import type { MeasureOptions } from "../options";
import { seedLibrary } from "../library-seed";
import type { BenchStack } from "../stack";
import type { Row } from "../table";
import { listCases, measureCase } from "./library-lists";

/** The bytes of each index and of the table per photo, and the pages of the main lists with their plans. */
export const measureLibraryOf =
  (amount: number) =>
  async (stack: BenchStack, { isShort }: MeasureOptions): Promise<Row[]> => {
    const photos = isShort ? 100_000 : amount;
    const startedAt = performance.now();
    await seedLibrary(stack.database, photos);
    const seedSeconds = (performance.now() - startedAt) / 1_000;
    const rows: Row[] = [
      { what: `seconds to fill a library of ${photos} photos`, ours: seedSeconds, unit: "s" },
      ...(await sizes(stack, photos)),
    ];
    for (const its of Object.values(await listCases(stack, Math.floor(photos * 0.9)))) {
      for (const statement of its.chains.flat()) {
        await printPlan(stack, its.what, statement.text, statement.params);
      }
      const { p50, p99 } = await measureCase(stack, its);
      rows.push({ what: `${its.what}, p50`, ours: p50, unit: "ms" });
      rows.push({ what: `${its.what}, p99`, ours: p99, unit: "ms" });
    }
    return rows;
  };

async function sizes({ database: { sql } }: BenchStack, photos: number): Promise<Row[]> {
  const parts = await sql<{ name: string; bytes: string }[]>`
    select 'rows' as name, pg_table_size('photos') as bytes
    union all
    select indexrelid::regclass::text, pg_relation_size(indexrelid) from pg_index where indrelid = 'photos'::regclass
    order by bytes desc`;
  const total = parts.reduce((sum, { bytes }) => sum + Number(bytes), 0);
  return [
    { what: "table photos with its indexes", ours: total / 1_000_000, unit: "MB" },
    { what: "… per photo", ours: total / photos, unit: "B" },
    ...parts.map(({ name, bytes }) => ({
      what: `… of which ${name}`,
      ours: Number(bytes) / photos,
      unit: "B",
    })),
  ];
}

/** The nodes of a plan that read rows, with their times. */
async function printPlan(
  { database: { sql } }: BenchStack,
  what: string,
  text: string,
  params: readonly unknown[],
): Promise<void> {
  const lines = await sql.unsafe(
    `explain (analyze, costs off, buffers off) ${text}`,
    params as never[],
  );
  const plan = lines
    .map((line) => String(line["QUERY PLAN"]))
    .filter((line) => /Scan|Sort {2}|Sort \(|Execution Time/.test(line))
    .map((line) =>
      line
        .trim()
        .replace(/\s*\(actual time=[\d.]+\.\.([\d.]+) rows=([\d.]+).*/, " ($1 ms, $2 rows)"),
    );
  console.error(`\n${what}:\n  ${plan.join("\n  ")}`);
}
