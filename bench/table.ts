/** Bounds on what a row is judged by: the ratio where something stands beside it, else the figure itself. */
type Aim = { atLeast?: number; atMost?: number };

/** One line of the table. `beside` is what the figure is compared with, in the same unit. */
export type Row = {
  what: string;
  ours: number;
  unit: string;
  beside?: { what: string; value: number };
  aim?: Aim;
};

/** undefined: there is no aim, the figure is for information. */
function isMet({ ours, beside, aim }: Row): boolean | undefined {
  if (aim === undefined) return undefined;
  const judged = beside === undefined ? ours : ours / beside.value;
  return judged >= (aim.atLeast ?? -Infinity) && judged <= (aim.atMost ?? Infinity);
}

/** The rows as a table in Markdown, its columns aligned for a terminal. */
export function formatTable(rows: readonly Row[]): string {
  const head = ["measured", "ours", "beside it", "ratio", "aim", ""];
  const cells = [head, ...rows.map(formatRow)];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const line = (row: string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(head), rule, ...cells.slice(1).map(line)].join("\n");
}

function formatRow(row: Row): string[] {
  const { beside, aim } = row;
  const verdict = isMet(row);
  return [
    row.what,
    `${formatNumber(row.ours)} ${row.unit}`,
    beside === undefined ? "" : `${formatNumber(beside.value)} ${row.unit}, ${beside.what}`,
    beside === undefined ? "" : formatNumber(row.ours / beside.value),
    aim === undefined ? "" : formatAim(aim, beside === undefined ? ` ${row.unit}` : "×"),
    verdict === undefined ? "" : verdict ? "met" : "MISSED",
  ];
}

function formatAim({ atLeast, atMost }: Aim, unit: string): string {
  if (atLeast !== undefined && atMost !== undefined) return `${atLeast} to ${atMost}${unit}`;
  return atLeast === undefined ? `≤ ${atMost}${unit}` : `≥ ${atLeast}${unit}`;
}

function formatNumber(value: number): string {
  return value >= 100 ? Math.round(value).toString() : value.toPrecision(3).replace(/\.0+$/, "");
}
