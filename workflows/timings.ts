/**
 * Every wait of the workflows, in milliseconds. They are inputs: a starter passes `timings` on, a test shortens them.
 * What is left out is as in `defaultTimings`.
 */
export type Timings = {
  /** An activity that is silent for so long is given to another worker. 15–30 s outlives a restart of the workflow service. */
  heartbeatMs: number;
  /** A batch whose sending ended in doubt is looked for so long after the last moment it could have been sent. */
  enqueueGraceMs: number;
  /** After so long a waiting step asks for its turn again: its first asking may have been lost with the other run. */
  turnAskAgainMs: number;
  /** Those in the line are told at most this often that they moved up. */
  linePauseMs: number;
  /** Between two looks at an InvokeAI that does not answer. */
  backendRetryMs: number;
  /** Between two looks at an InvokeAI that answers and that nobody waits for. */
  backendCheckMs: number;
  /** First pause before images are asked for again that InvokeAI was interrupted in; each next one is longer. */
  interruptedPauseMs: number;
  /** First pause between two attempts to fetch an image; each next one is twice as long. */
  retrievalDelayMs: number;
  /** The longest such pause. */
  retrievalMaxDelayMs: number;
  /** After a cancel: how long the item that InvokeAI is still working on is waited for. */
  cancelDrainMs: number;
  /** A session nobody asks anything of is closed. */
  sessionIdleMs: number;
};

const second = 1_000;
const day = 24 * 60 * 60 * second;

const defaultTimings: Timings = {
  heartbeatMs: 20 * second,
  enqueueGraceMs: 10 * second,
  turnAskAgainMs: 30 * second,
  linePauseMs: 5 * second,
  backendRetryMs: 5 * second,
  backendCheckMs: 60 * second,
  interruptedPauseMs: second,
  retrievalDelayMs: 5 * second,
  retrievalMaxDelayMs: 300 * second,
  cancelDrainMs: 30 * second,
  sessionIdleMs: 30 * day,
};

/** The timings in force: what the starter gave, else the defaults. */
export function timingsOf(input: { timings?: Partial<Timings> }): Timings {
  return { ...defaultTimings, ...input.timings };
}

/** The waits that the owner may set. */
export function configuredTimings(config: {
  limits: { sessionIdleDays: number };
}): Partial<Timings> {
  return { sessionIdleMs: config.limits.sessionIdleDays * day };
}
