import { createInterface } from "node:readline/promises";
import { Refusal } from "../refusal";

export type Terminal = {
  say: (line: string) => void;
  /** Asks for a line; an empty one stands for `fallback`. @throws Refusal where nobody can answer */
  ask: (question: string, fallback: string) => Promise<string>;
};

/** The terminal of this process. */
export function openTerminal(): Terminal {
  return {
    say: (line) => console.log(line),
    ask: async (question, fallback) => {
      if (!process.stdin.isTTY) {
        throw new Refusal("There is no terminal to answer questions; use --yes, with options.");
      }
      const lines = createInterface({ input: process.stdin, output: process.stdout });
      try {
        const answer = await lines.question(`${question} [${fallback}] `);
        return answer.trim() || fallback;
      } finally {
        lines.close();
      }
    },
  };
}

/** Rows in columns; the first one is the heading. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => (row[at] ?? "").length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `  ${line}`)
    .join("\n");
}

/** Micro-dollars as dollars, such as `$0.29`. */
export const showDollars = (micros: number): string => `$${(micros / 1_000_000).toFixed(2)}`;
