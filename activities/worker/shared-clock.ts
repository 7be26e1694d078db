/** Clocks of one machine, or kept in step by NTP, differ by less. */
const toleratedMs = 1_000;

/**
 * The time for activities. Several workers compare times in rows, such as when a batch was sent, so their clocks must
 * agree: where this machine's clock differs from that of Postgres, the latter counts.
 * @param readTime asks Postgres
 */
export function createSharedClock(readTime: () => Promise<Date>, ownTime = Date.now) {
  let offsetMs = 0;
  return {
    now: () => new Date(ownTime() + offsetMs),

    /** Compares the clocks; returns by how many milliseconds this machine's is corrected. */
    async compare(): Promise<number> {
      const sentAt = ownTime();
      const time = await readTime();
      const receivedAt = ownTime();
      // Read at some moment in between.
      const difference = time.getTime() - (sentAt + receivedAt) / 2;
      const isInStep = Math.abs(difference) <= toleratedMs + (receivedAt - sentAt) / 2;
      offsetMs = isInStep ? 0 : Math.round(difference);
      return offsetMs;
    },
  };
}
