import type { Db } from "#db/client";
import { findNewestMove } from "#db/queries/storage/storage-moves";
import type { StorageMove, StoragePlace } from "#db/schema/storage-moves";
import { AppError } from "#errors";
import type { Storage } from "#media/storage/storage";
import type { Places, ReadPlaces } from "#media/storage/two-places";
import type { StoragePlaces } from "./create-storage";

/**
 * For so long a process relies on what it has read of the moves. A move waits longer before and after each change of the
 * places (`storageSettleMs`), so that no process reads or writes where it should not.
 */
const knownMs = 2_000;
/** A file is served without a row; the wait for a database that is away must not delay it for long. */
const longestWaitMs = 500;

/** Where files are, by the newest move. */
export function placesOf(
  move: Pick<StorageMove, "source" | "target" | "status"> | undefined,
  configured: StoragePlace,
): { first: StoragePlace; other: StoragePlace | null } {
  if (!move) return { first: configured, other: null };
  const { source, target, status } = move;
  if (status === "cancelled") return { first: source, other: null };
  if (status === "forgotten") return { first: target, other: null };
  return status === "copying" ? { first: source, other: target } : { first: target, other: source };
}

/** Reads the places in force from the rows, whenever files are used. */
export function createPlaceReader(db: Db, places: StoragePlaces, initial: Places): ReadPlaces {
  let known = initial;
  let readAt = performance.now();
  let triedAt = readAt;
  let reading: Promise<Places> | undefined;
  const isRecent = (at: number) => performance.now() - at < knownMs;

  function read(): Promise<Places> {
    reading ??= (async () => {
      triedAt = performance.now();
      const startedAt = triedAt;
      try {
        const names = placesOf(await findNewestMove(db), places.configured);
        known = openPlaces(places, names);
        readAt = startedAt;
        return known;
      } finally {
        reading = undefined;
      }
    })();
    return reading;
  }

  return {
    forWriting: () => (isRecent(readAt) ? known : read()),
    forReading() {
      if (isRecent(readAt)) return known;
      // One request waits for a database that is away, the next ones do not.
      const isTried = isRecent(triedAt) && reading === undefined;
      if (isTried) return known;
      const late = Bun.sleep(longestWaitMs).then(() => known);
      return Promise.race([read().catch(() => known), late]);
    },
  };
}

/** The storages of these places; one whose settings this process lacks fails when it is used. */
export function openPlaces(
  places: StoragePlaces,
  { first, other }: { first: StoragePlace; other: StoragePlace | null },
): Places {
  return {
    first: places[first] ?? unreachable,
    other: other === null ? null : (places[other] ?? unreachable),
  };
}

const withoutSettings = () =>
  new AppError({
    kind: "unavailable",
    code: "storage_error",
    message:
      "The photos are moved to S3, and this program was started without its settings. Set S3_ENDPOINT, S3_BUCKET, S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, and restart it.",
  });

/** Stands for the bucket in a process that does not know it: what is there must not seem lost. */
const unreachable = new Proxy({} as Storage, {
  get: (_, name) =>
    name === "list"
      ? // oxlint-disable-next-line require-yield
        async function* () {
          throw withoutSettings();
        }
      : async () => {
          throw withoutSettings();
        },
});
