/** When a waiting step should have its turn, and its images; moments are rounded up to ten seconds. */
export type ExpectedTurn = {
  start: Date;
  /** To `start`, in tens. */
  startInSeconds: number;
  /** Null where nothing is known of how long such images take. */
  completion: Date | null;
};

/** A step that waits: how long its batch should take; null where that is not known. */
export type Waiting = { stepId: string; seconds: number | null };

const gridMs = 10_000;

/**
 * Each waits for whoever generates now and for all before it in the line; behind one of unknown length nothing is
 * expected. `freeAt`: when who generates now should be done; null where that is not known.
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
