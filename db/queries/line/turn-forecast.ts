/** When a waiting step should get its turn, and its images; times are rounded up to ten seconds. */
export type ExpectedTurn = {
  start: Date;
  /** Seconds until `start`, a multiple of ten. */
  startInSeconds: number;
  /** Null when the time that such images take is unknown. */
  completion: Date | null;
};

/** A waiting step. `seconds`: the expected time of its batch; null: unknown. */
export type Waiting = { stepId: string; seconds: number | null };

const gridMs = 10_000;

/**
 * A step waits for the current batch and for all steps before it in the line. There is no estimate behind a step whose
 * time is unknown. `freeAt`: when the current batch should be done; null: unknown.
 */
export function expectTurns(
  line: readonly Waiting[],
  { now, freeAt }: { now: Date; freeAt: Date | null },
): Map<string, ExpectedTurn> {
  const expected = new Map<string, ExpectedTurn>();
  let startMs = freeAt === null ? null : Math.max(freeAt.getTime(), now.getTime());
  for (const { stepId, seconds } of line) {
    if (startMs === null) break;
    const endMs = seconds === null ? null : startMs + seconds * 1_000;
    const start = onGrid(startMs);
    expected.set(stepId, {
      start,
      startInSeconds: (Math.round((start.getTime() - now.getTime()) / gridMs) * gridMs) / 1_000,
      completion: endMs === null ? null : onGrid(endMs),
    });
    startMs = endMs;
  }
  return expected;
}

function onGrid(ms: number): Date {
  return new Date(Math.ceil(ms / gridMs) * gridMs);
}
