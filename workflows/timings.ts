/**
 * Every wait of the workflows, in milliseconds, and limits of their runs. They are workflow inputs, so that a test can
 * shorten them. Missing ones are taken from `defaultTimings`.
 */
export type Timings = {
  /**
   * After this long without a heartbeat an activity is given to another worker. 15–30 s is longer than a restart of the
   * workflow service.
   */
  heartbeatMs: number;
  /** The last part of the in-doubt period: time to arrive for a batch sent at the very end of the sender's time-outs. */
  enqueueGraceMs: number;
  /** Between two checks of a line that is not empty. */
  lineCheckMs: number;
  /** Between two checks of an InvokeAI that does not answer, while runs wait; also how long a check is valid. */
  backendRetryMs: number;
  /** Between two checks of InvokeAI while the line is empty. */
  backendCheckMs: number;
  /** First pause before interrupted images are requested again; each next one is longer. */
  interruptedPauseMs: number;
  /** First pause between two attempts to fetch an image; each next one is twice as long. */
  retrievalDelayMs: number;
  /** The longest such pause. */
  retrievalMaxDelayMs: number;
  /** After a cancel: how long to wait for the item that InvokeAI is still working on. */
  cancelDrainMs: number;
  /** A session without requests for this long is closed. */
  sessionIdleMs: number;
  /**
   * After this many signals a run continues as new: the server refuses the 10 001st without suggesting to continue as
   * new before.
   */
  maxSignalsPerRun: number;
  /** Between two checks of a pod that changes: one that is made, boots or ends. */
  podPollMs: number;
  /** Between two checks of a pod that is ready. */
  podCheckMs: number;
  /**
   * So long after a create without a clear answer its pod may still appear in the list: the create's own time-out (90 s), and
   * the lag of the list. As long a pod that was just made may be missing there.
   */
  podDoubtMs: number;
  /** A pod on which InvokeAI does not answer for this long is ended. Mostly its image is loaded for some minutes. */
  podBootMs: number;
  /** How long a pod that ends waits for its images to be fetched. */
  podDrainMs: number;
  /** The same at the limit of a budget. */
  podBudgetDrainMs: number;
  /** First pause after a pod could not be rented; each next one is twice as long. */
  podRetryMs: number;
  /** A pod that the provider still lists so long after its end was asked for is reported. */
  podUnconfirmedMs: number;
  /** Bills are read so long after the end: they come late, and hour by hour. */
  podBillMs: number;
  /** The longest pause between two checks of a model's install; three times that while its place does not answer. */
  installCheckMs: number;
  /**
   * A move of the library waits so long before and after it changes where files are used: longer than a process relies on
   * what it has read of the moves.
   */
  storageSettleMs: number;
  /** The old copy is deleted at the earliest so long after the change: longer than an upload that began before it. */
  storageLateMs: number;
  /** Between two tries of a move that waits: for space, a store, a volume. */
  storageRetryMs: number;
  /** Between two looks at the newest pictures of a mirrored InvokeAI, while no event announces one. */
  mirrorCheckMs: number;
  /** Between two comparisons of all its pictures, stars and boards. */
  mirrorCompareMs: number;
  /**
   * Between two looks at a watched folder: a file is taken once its size and time are the same for so long. Longer than most
   * programs pause while they write a file.
   */
  watchPatienceMs: number;
  /** How often open runs are compared with the rows that ask for them. */
  reconcileEveryMs: number;
  /** How often pods are looked for that no session owns: as long one may run on unseen. */
  reapEveryMs: number;
};

const second = 1_000;
const minute = 60 * second;
const day = 24 * 60 * 60 * second;

const defaultTimings: Timings = {
  heartbeatMs: 20 * second,
  enqueueGraceMs: 10 * second,
  lineCheckMs: 30 * second,
  backendRetryMs: 5 * second,
  backendCheckMs: 60 * second,
  interruptedPauseMs: second,
  retrievalDelayMs: 5 * second,
  retrievalMaxDelayMs: 300 * second,
  cancelDrainMs: 30 * second,
  sessionIdleMs: 30 * day,
  maxSignalsPerRun: 1_000,
  podPollMs: 5 * second,
  podCheckMs: 15 * second,
  podDoubtMs: 180 * second,
  podBootMs: 20 * minute,
  podDrainMs: 5 * minute,
  podBudgetDrainMs: 75 * second,
  podRetryMs: 30 * second,
  podUnconfirmedMs: 10 * minute,
  podBillMs: 120 * minute,
  installCheckMs: 5 * second,
  storageSettleMs: 10 * second,
  storageLateMs: 60 * minute,
  storageRetryMs: 15 * second,
  mirrorCheckMs: 30 * second,
  mirrorCompareMs: 5 * minute,
  watchPatienceMs: 10 * second,
  reconcileEveryMs: 60 * second,
  reapEveryMs: 60 * second,
};

/** The timings in effect: those of the input, else the defaults. */
export function timingsOf(input: { timings?: Partial<Timings> }): Timings {
  return { ...defaultTimings, ...input.timings };
}

/** The waits that are configurable. */
export function configuredTimings(config: {
  limits: { sessionIdleDays: number };
}): Partial<Timings> {
  return { sessionIdleMs: config.limits.sessionIdleDays * day };
}
