import type { Static } from "@sinclair/typebox";
import type { BatchCounters, Item } from "./wire";

// What differs between the versions that are supported, and how both are borne. As seen on 6.13.8 and 6.14.2:
//
// - 6.14 counts and names a state `waiting`: a step of the way, no end; 6.13 has none.
// - Items count their changes (`status_sequence`) from 6.13 on.
// - 6.13 sends no queue event before `subscribe_queue`, and then each twice, the second without its
//   preview; 6.14 sends each once to everybody. The progress reader takes both, so it always subscribes.
// - The answer to a cancel counts the running item on 6.14, not on 6.13: the number decides nothing here.
// - Deleting an image that is gone is 404 on 6.14, 200 on 6.13.
// - With accounts, 6.14 wants the token for a picture's bytes, 6.13 does not: it is always sent.

const supported = ["6.13", "6.14"];

/** What to say of a version that this adapter was not tried with; null for one that it was. */
export function versionWarning(version: string): string | null {
  const [major = "", minor = ""] = version.split(".");
  if (supported.includes(`${major}.${minor}`)) return null;
  return `InvokeAI ${version.slice(0, 40)} was never tried with this gallery, which knows 6.13 and 6.14; it may work or fail.`;
}

/** Items that are being worked on. */
export function countInProgress(counters: Static<typeof BatchCounters>): number {
  return counters.in_progress + (counters.waiting ?? 0);
}

/** Grows with each change of an item's state; 0 from servers that do not count. */
export function sequenceOf(item: Pick<Static<typeof Item>, "status_sequence">): number {
  return item.status_sequence ?? 0;
}
