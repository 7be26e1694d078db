import { AppError, conflict, invalid } from "#errors";
import {
  claimKey,
  findKey,
  freeExpiredKey,
  freeKey,
  keepAnswer,
  moveLease,
} from "#db/queries/requests/idempotency";
import { sha256Of } from "#sha256";
import type { ApiDeps } from "../deps";
import { isUuid } from "../fields/ids";
import { keyedId } from "./keyed-id";
import { createModule } from "./module";

export type Answer<Body> = { status: number; body: Body };

/** The work of a POST with an Idempotency-Key. `id` is for the row to create: a repeat has the same id and finds the first row. */
type Work<Body> = (id: string) => Promise<Answer<Body>>;

type Deps = Pick<ApiDeps, "database" | "installation" | "now" | "newId">;

export type Once = {
  /** For routes that read a body before `answer`. @throws AppError validation_error for a malformed key */
  checkKey(): void;
  /**
   * Does the work once for each key; see `answerOnce`.
   * @param meaning see `fingerprintOf`
   * @param kept reduces the answer to what is stored for a repeat; by default the whole answer is stored
   */
  answer<Body>(
    meaning: unknown,
    work: Work<Body>,
    kept?: (answer: Answer<Body>) => Answer<Body>,
  ): Promise<Answer<Body>>;
};

const keptMs = 24 * 60 * 60 * 1_000;
/** If the process that does the work dies, another request takes over after this time; a running one renews its lease. */
const leaseMs = 10_000;
const renewMs = 3_000;
const waitMs = 50;

/**
 * Adds `once` to the context of routes with `createsOnce`. The value is `true`, or, for an alias of another route, the
 * route whose keys it shares.
 */
export function createIdempotency(deps: Deps) {
  return createModule({ name: "idempotency" }).macro({
    createsOnce: (name: true | `POST ${string}`) => ({
      detail: createsOnce,
      resolve: ({ request, route }) => ({
        once: onceFor(deps, request, name === true ? `${request.method} ${route}` : name),
      }),
    }),
  });
}

function onceFor(deps: Deps, request: Request, route: string): Once {
  return {
    checkKey: () => void keyOf(request),
    answer: (meaning, work, kept) => {
      const fingerprint = fingerprintOf(meaning);
      return answerOnce(deps, { route, key: keyOf(request), fingerprint, kept }, work);
    },
  };
}

/** @throws AppError validation_error when it is not 1 to 255 visible ASCII characters */
function keyOf(request: Request): string | undefined {
  const key = request.headers.get("idempotency-key");
  if (key === null) return undefined;
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw invalid("Idempotency-Key has to be 1 to 255 visible ASCII characters.", [
    { path: "Idempotency-Key", message: "1 to 255 visible ASCII characters" },
  ]);
}

/** In the `detail` of a route: adds the header to the document. */
const createsOnce: object = { "x-creates-once": true };

/**
 * A hash of a request's content, independent of its exact bytes: the order of fields, the case of ids and `null` fields do
 * not count; files are given as their hashes. Callers pass normalized texts in the form in which they are stored.
 */
export function fingerprintOf(meaning: unknown): string {
  return sha256Of(JSON.stringify(sorted(meaning)));
}

/**
 * Does `work` once per route and key. A repeat within 24 h gets the first answer again; a concurrent repeat waits for
 * it. Without a key the work is always done. A failed request frees its key.
 * @param options.route method and pattern, such as `POST /api/v1/photos`
 * @throws AppError conflict when the key was used with other content before
 */
export async function answerOnce<Body>(
  deps: Deps,
  options: {
    route: string;
    key: string | undefined;
    fingerprint: string;
    kept?: ((answer: Answer<Body>) => Answer<Body>) | undefined;
  },
  work: Work<Body>,
): Promise<Answer<Body>> {
  const { route, key, fingerprint } = options;
  if (key === undefined) return work(deps.newId());
  const { db } = deps.database;
  const ref = { route, key };
  const id = keyedId(deps.installation, route, key);
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
    // The cast is safe: this route stored the answer for the same content.
    if (row.status !== null) return { status: row.status, body: row.body as Body };
    const isDead = row.leaseUntil <= deps.now();
    if (isDead && (await moveLease(db, { ...ref, leaseUntil: row.leaseUntil, to: leaseUntil }))) {
      return doLeased(deps, { ...options, key }, leaseUntil, () => work(id));
    }
    await Bun.sleep(waitMs);
  }
}

async function doLeased<Body>(
  deps: Deps,
  options: {
    route: string;
    key: string;
    kept?: ((answer: Answer<Body>) => Answer<Body>) | undefined;
  },
  firstLease: Date,
  work: () => Promise<Answer<Body>>,
): Promise<Answer<Body>> {
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
