import { type AttemptCounter, createAttemptCounter } from "#db/attempt-counter";
import type { Database } from "#db/client";
import { rateLimited } from "#errors";

const windowSeconds = 15 * 60;
const perSecret = 20;
/** More than `perSecret`, since several people may share an address. */
const perAddress = 60;

export type LoginAttempts = {
  /**
   * Counts an attempt. Call it before hashing the password: an attacker must not be able to make this server hash.
   * @param secret the target of the attempt, such as the id of a link
   * @param address undefined where it is not known; then only the limit per secret applies
   * @throws AppError rate_limited
   */
  count(attempt: { secret: string; address: string | undefined }): Promise<void>;
};

/**
 * Limits login attempts within 15 minutes to 20 per secret, from all addresses together, and 60 per address, for all
 * secrets together: too few to search even a weak password.
 */
export function createLoginAttempts(database: Pick<Database, "sql">): LoginAttempts {
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
      // The address first: a sender that is refused by address does not use up the attempts of others at the secret.
      if (address !== undefined) await take(addresses, address);
      await take(secrets, secret);
    },
  };
}

async function take(counter: AttemptCounter, key: string): Promise<void> {
  const waitMs = await counter.count(key);
  if (waitMs === 0) return;
  throw rateLimited(
    "Too many tries at a password; wait before the next one.",
    Math.ceil(waitMs / 1_000),
  );
}
