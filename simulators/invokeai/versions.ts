/** The simulated API versions; each behaves like its newest release, as observed. */
export type ApiVersion = "6.13" | "6.14";

/** The differences between them, as observed on 6.13.8 and 6.14.2. */
export type Traits = {
  version: string;
  /** Batch and queue status have a counter `waiting`, and the queue's status has counters of the user's own items. */
  hasNewCounters: boolean;
  /** Items have a device, and their position among called workflows. */
  hasNewItemFields: boolean;
  /** The answer to a cancel counts the running item too. */
  countsRunningCancel: boolean;
  /** Queue events require `subscribe_queue`; each arrives twice, the second without preview. */
  isSocketOld: boolean;
  /** Deleting an unknown image answers 404, a page has at most a thousand items, failed deletions are listed. */
  hasStrictImages: boolean;
  /** With accounts, the bytes of a picture require a token like all other requests. */
  protectsPictures: boolean;
  /** FLUX.2 dev, Krea 2, ERNIE, Ideogram 4 and Wan are known, and FLUX.2's sampler takes lists of prompts. */
  hasNewBases: boolean;
};

const old: Traits = {
  version: "6.13.8",
  hasNewCounters: false,
  hasNewItemFields: false,
  countsRunningCancel: false,
  isSocketOld: true,
  hasStrictImages: false,
  protectsPictures: false,
  hasNewBases: false,
};

const current: Traits = {
  version: "6.14.2",
  hasNewCounters: true,
  hasNewItemFields: true,
  countsRunningCancel: true,
  isSocketOld: false,
  hasStrictImages: true,
  protectsPictures: true,
  hasNewBases: true,
};

export const traitsOf: Readonly<Record<ApiVersion, Traits>> = { "6.13": old, "6.14": current };

/** Parses the option `--api`; undefined for a version that is not simulated. */
export function parseApiVersion(text: string): ApiVersion | undefined {
  return text === "6.13" || text === "6.14" ? text : undefined;
}
