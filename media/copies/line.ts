import { AppError, rateLimited } from "#errors";

/** The client that requests a copy. */
export type CopyClient = Readonly<{
  linkId: string;
  /** Aborted when the client disconnects. */
  signal?: AbortSignal | undefined;
  /** Reads an archive, one picture after another: it waits longer and does not count towards the limits. */
  isArchive?: boolean;
}>;

const limits = { jobsPerLink: 4, jobs: 32, clientsPerLink: 12, clients: 64 };
const waitMs = 25_000;
/** Shorter than the server's timeout for idle connections. */
const archiveWaitMs = 60_000;
const retryAfterSeconds = 5;

type Job = { linkId: string; made: Promise<unknown> };

/**
 * Limits the work that visitors cause, for each link and in total. Requests for the same copy share one job, and a job
 * continues when all its clients have left.
 */
export function createCopyLine() {
  const jobs = new Map<string, Job>();
  const waiting: string[] = [];

  function startJob<T>(key: string, linkId: string, make: () => Promise<T>): Promise<T> {
    const made = make().finally(() => jobs.delete(key));
    jobs.set(key, { linkId, made });
    made.catch(() => undefined);
    return made;
  }

  function jobOf<T>(key: string, client: CopyClient, make: () => Promise<T>): Promise<T> {
    const job = jobs.get(key);
    if (job) return job.made as Promise<T>;
    const ofLink = [...jobs.values()].filter(({ linkId }) => linkId === client.linkId);
    const isFull = jobs.size >= limits.jobs || ofLink.length >= limits.jobsPerLink;
    if (isFull && !client.isArchive) throw busy();
    return startJob(key, client.linkId, make);
  }

  /**
   * Waits for the result of `make`, which runs only once at a time for each key.
   * @throws AppError rate_limited when too many clients wait, or when the job takes too long
   */
  return async function wait<T>(
    key: string,
    client: CopyClient,
    make: () => Promise<T>,
  ): Promise<T> {
    if (client.isArchive) return orBusy(jobOf(key, client, make), archiveWaitMs, client.signal);
    const ofLink = waiting.filter((linkId) => linkId === client.linkId);
    if (waiting.length >= limits.clients || ofLink.length >= limits.clientsPerLink) throw busy();
    waiting.push(client.linkId);
    try {
      return await orBusy(jobOf(key, client, make), waitMs, client.signal);
    } finally {
      waiting.splice(waiting.indexOf(client.linkId), 1);
    }
  };
}

async function orBusy<T>(made: Promise<T>, ms: number, signal?: AbortSignal): Promise<T> {
  const { promise: cancelled, reject } = Promise.withResolvers<never>();
  const stop = () => reject(busy());
  const timer = setTimeout(stop, ms);
  signal?.addEventListener("abort", stop);
  try {
    return await Promise.race([made, cancelled]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

/** For callers that can continue without the copy. */
export const isBusy = (error: unknown) =>
  error instanceof AppError && error.kind === "rate_limited";

const busy = () =>
  rateLimited(
    `The picture is being prepared; ask again in ${retryAfterSeconds} seconds.`,
    retryAfterSeconds,
  );
