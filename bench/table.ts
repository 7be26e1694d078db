/** Limits for a row: for the ratio when there is a baseline, else for the figure itself. */
type Aim = { atLeast?: number; atMost?: number };

/** One line of the table. `baseline` is the baseline, in the same unit. */
export type Row = {
  what: string;
  ours: number;
  unit: string;
  baseline?: { what: string; value: number };
  aim?: Aim;
};

/** undefined when there is no aim and the figure is only for information. */
function isMet({ ours, baseline, aim }: Row): boolean | undefined {
  if (aim === undefined) return undefined;
  const judged = baseline === undefined ? ours : ours / baseline.value;
  return judged >= (aim.atLeast ?? -Infinity) && judged <= (aim.atMost ?? Infinity);
}

/** The rows as a Markdown table, with columns aligned for a terminal. */
export function formatTable(rows: readonly Row[]): string {
  const head = ["measured", "ours", "baseline", "ratio", "aim", ""];
  const cells = [head, ...rows.map(formatRow)];
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const line = (row: string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(head), rule, ...cells.slice(1).map(line)].join("\n");
}

function formatRow(row: Row): string[] {
  const { baseline, aim } = row;
  const verdict = isMet(row);
  return [
    row.what,
    `${formatNumber(row.ours)} ${row.unit}`,
    baseline === undefined ? "" : `${formatNumber(baseline.value)} ${row.unit}, ${baseline.what}`,
    baseline === undefined ? "" : formatNumber(row.ours / baseline.value),
    aim === undefined ? "" : formatAim(aim, baseline === undefined ? ` ${row.unit}` : "×"),
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
