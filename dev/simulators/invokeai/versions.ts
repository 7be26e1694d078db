/** The servers that are imitated; each behaves as its newest release was seen to. */
export type ApiVersion = "6.13" | "6.14";

/** What differs between them, as seen on 6.13.8 and 6.14.2. */
export type Traits = {
  version: string;
  /** Batch and queue status carry a counter `waiting`, and the queue's tells of the user's own. */
  hasNewCounters: boolean;
  /** Items name their device and their place among called workflows. */
  hasNewItemFields: boolean;
  /** The answer to a cancel counts the running item too. */
  countsRunningCancel: boolean;
  /** No queue event without `subscribe_queue`; with it each comes twice, the second without preview. */
  isSocketOld: boolean;
  /** An unknown image cannot be deleted (404), a page has at most a thousand, refusals are listed. */
  hasStrictImages: boolean;
  /** With accounts, the bytes of a picture want a token like everything else. */
  guardsPictures: boolean;
};

const old: Traits = {
  version: "6.13.8",
  hasNewCounters: false,
  hasNewItemFields: false,
  countsRunningCancel: false,
  isSocketOld: true,
  hasStrictImages: false,
  guardsPictures: false,
};

const current: Traits = {
  version: "6.14.2",
  hasNewCounters: true,
  hasNewItemFields: true,
  countsRunningCancel: true,
  isSocketOld: false,
  hasStrictImages: true,
  guardsPictures: true,
};

export const traitsOf: Readonly<Record<ApiVersion, Traits>> = { "6.13": old, "6.14": current };

/** Reads the option `--api`; undefined for a version that is not imitated. */
export function parseApiVersion(text: string): ApiVersion | undefined {
  return text === "6.13" || text === "6.14" ? text : undefined;
}
