import { AppError } from "#errors";

const windowMs = 15 * 60 * 1_000;
const perLink = 20;
/** More than one link's, since several people may share an address. */
const perAddress = 60;
/** Beyond this many under attack the oldest counts are forgotten. */
const maxCounted = 10_000;

/** Counts guesses at passwords, in this process. */
export type GuessLimit = {
  /**
   * Before the password is hashed: a hash is made to cost, and an attacker would make us pay.
   * @param address undefined where it is not known; then the link alone counts
   * @throws AppError rate_limited
   */
  count(guess: { linkId: string; address: string | undefined }, now: Date): void;
};

/**
 * In a quarter of an hour twenty guesses a link, which no change of address helps, and sixty an address,
 * which no change of link helps: too few to search even a weak password.
 */
export function createGuessLimit(): GuessLimit {
  const links = createCounter(perLink);
  const addresses = createCounter(perAddress);

  return {
    count({ linkId, address }, now) {
      const at = now.getTime();
      // Both are asked before either is counted: who is refused uses up nothing of the link for others.
      const waitMs = Math.max(
        links.waitMs(linkId, at),
        address === undefined ? 0 : addresses.waitMs(address, at),
      );
      if (waitMs > 0) throw tooMany(waitMs);
      links.add(linkId, at);
      if (address !== undefined) addresses.add(address, at);
    },
  };
}

function createCounter(limit: number) {
  const counted = new Map<string, { since: number; guesses: number }>();

  function windowOf(key: string, at: number) {
    const had = counted.get(key);
    return had && at - had.since < windowMs ? had : { since: at, guesses: 0 };
  }

  return {
    /** Until another guess is taken; 0: now. */
    waitMs(key: string, at: number): number {
      const { since, guesses } = windowOf(key, at);
      return guesses < limit ? 0 : since + windowMs - at;
    },

    add(key: string, at: number): void {
      const window = windowOf(key, at);
      window.guesses += 1;
      counted.delete(key);
      counted.set(key, window);
      if (counted.size > maxCounted) counted.delete(counted.keys().next().value!);
    },
  };
}

function tooMany(waitMs: number): AppError {
  return new AppError({
    kind: "rate_limited",
    code: "rate_limited",
    message: "Too many tries at passwords of links; wait before the next one.",
    details: { retry_after_seconds: Math.ceil(waitMs / 1_000) },
  });
}
