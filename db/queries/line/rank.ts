import { type Column, sql } from "drizzle-orm";
import { type Priority, priorities } from "../../schema/columns";
import type { Step } from "../../schema/steps";

/** An idle step goes ahead of new steps of normal priority once it has waited for so long. */
export const idleMs = 24 * 60 * 60 * 1_000;

export const rankOf = (priority: Priority): number => priorities.indexOf(priority);

/** `rankOf` in a query. */
export const rankIn = (priority: Column) =>
  sql<number>`array_position(array[${sql.raw(priorities.map((word) => `'${word}'`).join(", "))}], ${priority}) - 1`;

/** The rank of a step in the line: the lowest goes first. */
export function rankNow(
  { priority, createdAt, notBefore }: Pick<Step, "priority" | "createdAt" | "notBefore">,
  now: Date,
): number {
  const since = Math.max(createdAt.getTime(), notBefore?.getTime() ?? 0);
  const isPromoted = priority === "idle" && now.getTime() - since > idleMs;
  return rankOf(isPromoted ? "normal" : priority);
}
