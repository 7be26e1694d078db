import type { Static } from "@sinclair/typebox";
import type { BatchCounters, Item } from "./wire";

// Differences between the supported versions, and how they are handled. Observed on 6.13.8 and 6.14.2:
//
// - 6.14 has a state `waiting`, which is not final; 6.13 does not.
// - Items count their status changes (`status_sequence`) since 6.13.
// - 6.13 sends no queue event before `subscribe_queue`, and then each twice, the second without its
//   preview; 6.14 sends each once to every client. The progress reader handles both, so it always subscribes.
// - The answer to a cancel counts the running item on 6.14, not on 6.13: the number is not used.
// - Deleting an image that is gone is 404 on 6.14, 200 on 6.13.
// - With accounts, 6.14 requires the token for an image's bytes, 6.13 does not: it is always sent.

const supported = ["6.13", "6.14"];

/** The warning for an untested version; null for a tested one. */
export function versionWarning(version: string): string | null {
  const [major = "", minor = ""] = version.split(".");
  if (supported.includes(`${major}.${minor}`)) return null;
  return `InvokeAI ${version.slice(0, 40)} was never tried with this gallery, which was tested with 6.13 and 6.14; it may work or fail.`;
}

/** Items that are being worked on. */
export function countInProgress(counters: Static<typeof BatchCounters>): number {
  return counters.in_progress + (counters.waiting ?? 0);
}

/** Grows with each status change of an item; 0 from servers that do not count. */
export function sequenceOf(item: Pick<Static<typeof Item>, "status_sequence">): number {
  return item.status_sequence ?? 0;
}
