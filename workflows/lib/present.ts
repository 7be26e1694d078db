import { setCurrentDetails, upsertSearchAttributes } from "@temporalio/workflow";
import { searchAttributes } from "../search-attributes";

/** Tells the person in the Temporal web UI where the run stands: a word to search by, and a sentence. */
export function present(status: string, sentence: string): void {
  upsertSearchAttributes([{ key: searchAttributes.status, value: status }]);
  setCurrentDetails(sentence);
}

/** `1 image`, `4 images`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}
