import { count } from "../lib/run-status";

/** The line, as of its last check. */
export type LineView = { holder: string | null; waiting: number };

/** Who generates and how many wait, as shown to the user. */
export function describeLine({ holder, waiting }: LineView): string {
  const use = holder === null ? "Nobody generates" : `\`${holder}\` generates`;
  return `${use}; ${count(waiting, "step")} waiting.`;
}
