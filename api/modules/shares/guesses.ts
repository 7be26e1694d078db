import { AppError } from "#errors";

const windowMs = 15 * 60 * 1_000;
const perLink = 20;
/** Beyond this many links under attack the oldest counts are forgotten. */
const maxCounted = 10_000;

/** Counts guesses at passwords, in this process. */
export type GuessLimit = { count(linkId: string, now: Date): void };

/** Twenty guesses a link in a quarter of an hour: too few to search even a weak password. */
export function createGuessLimit(): GuessLimit {
  const counted = new Map<string, { since: number; guesses: number }>();

  return {
    /**
     * Before the password is hashed: a hash is made to cost, and an attacker would make us pay.
     * @throws AppError rate_limited
     */
    count(linkId, now) {
      const at = now.getTime();
      const had = counted.get(linkId);
      const window = had && at - had.since < windowMs ? had : { since: at, guesses: 0 };
      if (window.guesses >= perLink) throw tooMany(window.since + windowMs - at);
      window.guesses += 1;
      counted.delete(linkId);
      counted.set(linkId, window);
      if (counted.size > maxCounted) counted.delete(counted.keys().next().value!);
    },
  };
}

function tooMany(waitMs: number): AppError {
  return new AppError({
    kind: "rate_limited",
    code: "rate_limited",
    message: "Too many tries at this link's password; wait before the next one.",
    details: { retry_after_seconds: Math.ceil(waitMs / 1_000) },
  });
}
