import type { WatchedFile } from "#db/schema/imports";

type Noted = Pick<WatchedFile, "size" | "modifiedMs" | "notedAt" | "isSettled" | "outcome">;

/**
 * What a check of a file of a watched folder finds. `changed`: it is new, or not as it was noted. `waits`: it is as it was
 * noted, but not for long enough. `ready`: it has stopped changing. `settled` and `refused`: nothing changed since.
 */
export function stateOfWatched(
  noted: Noted | undefined,
  seen: { size: number; modifiedMs: number; now: Date; patienceMs: number },
): "changed" | "waits" | "ready" | "settled" | "refused" {
  const { size, modifiedMs, now, patienceMs } = seen;
  if (noted?.size !== size || noted.modifiedMs !== modifiedMs) return "changed";
  if (noted.isSettled) return noted.outcome === "failed" ? "refused" : "settled";
  return now.getTime() - noted.notedAt.getTime() < patienceMs ? "waits" : "ready";
}
