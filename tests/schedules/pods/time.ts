import type { Timings } from "#workflows/timings";

/**
 * How much shorter the waits are than the shipped ones, and with them what the promises allow: a minute is 4 s. Nothing else is
 * scaled: clocks and prices are real.
 */
const timeScale = 15;
export const minuteMs = 60_000 / timeScale;
export const centUsd = 0.01 / timeScale;

/** Long enough that a pod starts within it on a busy machine; the others are the shipped waits, scaled. */
const bootMs = 25_000;

export const podWaits: Partial<Timings> = {
  podPollMs: 350,
  podCheckMs: 1_000,
  podDoubtMs: 3 * minuteMs,
  podBootMs: bootMs,
  podDrainMs: 5 * minuteMs,
  podBudgetDrainMs: 1.25 * minuteMs,
  podRetryMs: 500,
  podUnconfirmedMs: 10 * minuteMs,
  reapEveryMs: minuteMs,
};

/** A pod that may still appear in the list after this long was given up. */
export const doubtMs = 3 * minuteMs;
