import { createHash } from "node:crypto";
import { v5 } from "uuid";
import { AppError, conflict, invalid } from "#errors";
import {
  claimKey,
  findKey,
  freeExpiredKey,
  freeKey,
  keepAnswer,
  moveLease,
} from "#db/queries/idempotency";
import type { ApiDeps } from "./deps";
import { isUuid } from "./ids";

export type Answer = { status: number; body: unknown };

/** The work of a keyed POST. `id` names what it makes: the same at a repeat, so that work done twice finds its first row. */
type Work = (id: string) => Promise<Answer>;

// Any UUID, the same for ever: ids of earlier keys depend on it.
const namespace = "6f0f3a52-6d0c-4a55-9c52-0d3b5f2f8a11";
const keptMs = 24 * 60 * 60 * 1_000;
/** A dead winner's place is taken after this; a living one renews in time. */
const leaseMs = 10_000;
const renewMs = 3_000;
const waitMs = 50;

/** @throws AppError validation_error when it is not 1 to 255 visible ASCII characters */
export function idempotencyKeyOf(request: Request): string | undefined {
  const key = request.headers.get("idempotency-key");
  if (key === null) return undefined;
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw invalid("Idempotency-Key has to be 1 to 255 visible ASCII characters.", [
    { path: "Idempotency-Key", message: "1 to 255 visible ASCII characters" },
  ]);
}

/** For the `detail` of a POST that goes through `answerOnce`: the document then tells of its header. */
export const createsOnce = { "x-creates-once": true };

/**
 * What a request means, whatever its bytes: fields in any order, `null` like none, ids in either case, files as their
 * hashes. Texts that are stored tidied have to come as they are stored.
 */
export function fingerprintOf(meaning: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(sorted(meaning)))
    .digest("hex");
}

/**
 * Does `work` once for each key of a route; a repeat within 24 h gets the first answer again, two at
 * once wait for one. Without a key it is just done. What fails frees its key.
 * @param options.route method and pattern, such as `POST /api/v1/photos`
 * @param options.kept what of the answer a repeat is given; the whole answer when left out
 * @throws AppError conflict when the key came with other content before
 */
export async function answerOnce(
  deps: ApiDeps,
  options: {
    route: string;
    key: string | undefined;
    fingerprint: string;
    kept?: (answer: Answer) => Answer;
  },
  work: Work,
): Promise<Answer> {
  const { route, key, fingerprint } = options;
  if (key === undefined) return work(deps.newId());
  const { db } = deps.database;
  const ref = { route, key };
  const id = v5(`${route}\n${key}`, namespace);
  await freeExpiredKey(db, { ...ref, before: new Date(deps.now().getTime() - keptMs) });

  for (;;) {
    const leaseUntil = new Date(deps.now().getTime() + leaseMs);
    if (await claimKey(db, { ...ref, fingerprint, leaseUntil })) {
      return doLeased(deps, { ...options, key }, leaseUntil, () => work(id));
    }
    const row = await findKey(db, ref);
    if (!row) continue;
    if (row.fingerprint !== fingerprint) {
      throw conflict("This Idempotency-Key was used with other content; take a new key.");
    }
    if (row.status !== null) return { status: row.status, body: row.body };
    const isDead = row.leaseUntil <= deps.now();
    if (isDead && (await moveLease(db, { ...ref, leaseUntil: row.leaseUntil, to: leaseUntil }))) {
      return doLeased(deps, { ...options, key }, leaseUntil, () => work(id));
    }
    await Bun.sleep(waitMs);
  }
}

async function doLeased(
  deps: ApiDeps,
  options: { route: string; key: string; kept?: (answer: Answer) => Answer },
  firstLease: Date,
  work: () => Promise<Answer>,
): Promise<Answer> {
  const { db } = deps.database;
  const ref = { route: options.route, key: options.key };
  let leaseUntil = firstLease;
  const renewal = setInterval(async () => {
    const to = new Date(deps.now().getTime() + leaseMs);
    // A lease that cannot be renewed runs out: another request may then do the work again, which is safe.
    if (await moveLease(db, { ...ref, leaseUntil, to }).catch(() => false)) leaseUntil = to;
  }, renewMs);
  try {
    const answer = await work();
    if (answer.status >= 400) await freeKey(db, ref);
    else await keepAnswer(db, { ...ref, ...(options.kept?.(answer) ?? answer) });
    return answer;
  } catch (error) {
    if (error instanceof AppError) await freeKey(db, ref).catch(() => {});
    throw error;
  } finally {
    clearInterval(renewal);
  }
}

function sorted(value: unknown): unknown {
  if (typeof value === "string") return isUuid(value) ? value.toLowerCase() : value;
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner != null);
  return Object.fromEntries(
    entries.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]),
  );
}
