import { count } from "../lib/present";
import type { TurnState } from "./contract";

/** Who may use InvokeAI: one step at a time, in the order in which they asked. */
export function createTurns(initial: TurnState = { holder: null, line: [] }) {
  let holder = initial.holder;
  let line = [...initial.line];
  return {
    /** Asking twice keeps the first place. */
    want(workflowId: string): void {
      if (holder !== workflowId && !line.includes(workflowId)) line.push(workflowId);
    },
    done(workflowId: string): void {
      if (holder === workflowId) holder = null;
      line = line.filter((waiting) => waiting !== workflowId);
    },
    grantNext(): void {
      holder ??= line.shift() ?? null;
    },
    holder: (): string | null => holder,
    /** Places count from 1: the one who is next. */
    line: (): [place: number, workflowId: string][] => line.map((id, index) => [index + 1, id]),
    waiting: (): number => line.length,
    isIdle: (): boolean => holder === null && line.length === 0,
    state: (): TurnState => ({ holder, line }),
    describe(reason: string): string {
      const use = holder === null ? "Nobody generates" : `\`${holder}\` generates`;
      return `${reason} ${use}; ${count(line.length, "step")} waiting.`;
    },
  };
}
