import { type AttemptCounter, createAttemptCounter } from "#db/attempt-counter";
import type { Database } from "#db/client";
import { AppError } from "#errors";

const windowSeconds = 15 * 60;
const perSecret = 20;
/** More than one secret's, since several people may share an address. */
const perAddress = 60;

export type GuessLimit = {
  /**
   * Before the password is hashed: a hash is made to cost, and an attacker would make us pay.
   * @param secret what is guessed at, such as the id of a link
   * @param address undefined where it is not known; then the secret alone counts
   * @throws AppError rate_limited
   */
  count(guess: { secret: string; address: string | undefined }): Promise<void>;
};

/**
 * In a quarter of an hour twenty guesses at one secret, which no change of address helps, and sixty an address,
 * which no change of secret helps: too few to search even a weak password.
 */
export function createGuessLimit(database: Pick<Database, "sql">): GuessLimit {
  const secrets = createAttemptCounter(database, {
    name: "guess",
    attempts: perSecret,
    windowSeconds,
  });
  const addresses = createAttemptCounter(database, {
    name: "guess-from",
    attempts: perAddress,
    windowSeconds,
  });

  return {
    async count({ secret, address }) {
      // The address first: who is refused for it uses up nothing of the others' tries.
      if (address !== undefined) await take(addresses, address);
      await take(secrets, secret);
    },
  };
}

async function take(counter: AttemptCounter, key: string): Promise<void> {
  const waitMs = await counter.count(key);
  if (waitMs === 0) return;
  throw new AppError({
    kind: "rate_limited",
    code: "rate_limited",
    message: "Too many tries at a password; wait before the next one.",
    details: { retry_after_seconds: Math.ceil(waitMs / 1_000) },
  });
}
