import { setCurrentDetails, upsertSearchAttributes, workflowInfo } from "@temporalio/workflow";
import { searchAttributes } from "../search-attributes";

export type ShowStatus = (status: string, sentence: string) => void;

/** Shows the run's status in the Temporal web UI: a word to search by, and a sentence. */
export const showStatus: ShowStatus = (status, sentence) => {
  // Setting the sentence adds no event to the history; each upsert does.
  const { typedSearchAttributes } = workflowInfo();
  if (typedSearchAttributes.get(searchAttributes.status) !== status) {
    upsertSearchAttributes([{ key: searchAttributes.status, value: status }]);
  }
  setCurrentDetails(sentence);
};

/**
 * `showStatus` for a run whose activities report what they wait for. `showWait` shows that message, or with null the
 * previous sentence.
 */
export function createStatusDisplay() {
  let shown = "";
  return {
    showStatus: ((status, sentence) => {
      shown = sentence;
      showStatus(status, sentence);
    }) satisfies ShowStatus,
    showWait: (message: string | null): void => setCurrentDetails(message ?? shown),
  };
}

/** `1 image`, `4 images`. */
export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}
