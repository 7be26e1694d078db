import { findInstallation } from "#db/queries/installation/inspection";
import { findNewestMove } from "#db/queries/storage/storage-moves";
import type { Database } from "#db/client";
import { readableBytes } from "#library/commands/output";
import type { Storage } from "#media/storage/storage";
import { type Bucket, findBucketFault } from "./bucket";
import { type Check, reasonOf } from "./finding";

const tightBytes = 5_000_000_000;

type Deps = {
  storage: Storage | undefined;
  /** Of the photos, if they are in one. */
  bucket: Bucket | undefined;
  database: Database | undefined;
  maxUploadBytes: number;
};

/** Where the photos are: the marker, whether it can be written, what a move waits for, free space. */
export function checkStorage({ storage, bucket, database, maxUploadBytes }: Deps): Check {
  return {
    part: "storage",
    async run({ ok, warning, fault }) {
      if (!storage) return fault("cannot be checked: the settings are invalid", "See above.");
      const denied = bucket && (await findBucketFault(bucket));
      if (denied) fault(denied.text, denied.advice);
      if (denied?.isReadable === false) return;
      const marker = await storage.readMarker().catch((error: unknown) => ({ error }));
      if (typeof marker === "object") {
        return fault(
          `cannot be read (${reasonOf(marker.error)})`,
          "Mount its volume or make it readable; with STORAGE=s3, start the store.",
        );
      }
      if (marker === undefined) {
        return fault(
          "has no marker: it is empty, not mounted, or the wrong one",
          "Mount its volume and check DATA_DIR. See docs/operations.md#restore.",
        );
      }
      const own = database && (await findInstallation(database.db).catch(() => undefined));
      if (own && own.id !== marker) {
        return fault(
          "belongs to another database",
          "Set DATA_DIR or DATABASE_URL to the ones that belong together.",
        );
      }
      const area = await storage.findUnmountedArea();
      if (area !== undefined) return fault(`${area} is missing`, "Mount its volume.");
      const unwritable = await findWriteFault(storage);
      if (unwritable !== undefined) {
        fault(
          `${bucket ? "the disk of this machine " : ""}cannot be written (${unwritable})`,
          "Free space, or correct the owner of its files.",
        );
      }
      const move = own && (await findNewestMove(database.db).catch(() => undefined));
      if (move && move.message !== null) {
        warning(`a move is not over: ${move.message}`, "See ./gallery storage status.");
      }
      const free = await storage.freeBytes();
      const text = `${readableBytes(free)} are free${bucket ? " on this machine, for unfinished files and copies" : ""}`;
      if (free <= maxUploadBytes) fault(text, "Free space: uploads and generation fail.");
      else if (free < tightBytes) warning(text, "Free space, or move it to a larger disk.");
      else if (unwritable === undefined && !denied) {
        const can = bucket ? "the bucket can be read, written and cleared" : "can be written";
        ok(`${own ? "belongs to the database, " : ""}${can}, ${text}`);
      }
    },
  };
}

/** Writes one byte to an unfinished file and removes it. */
async function findWriteFault(storage: Storage): Promise<string | undefined> {
  try {
    await using staged = await storage.stage("uploaded");
    await staged.receive(oneByte(), 1);
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

async function* oneByte(): AsyncGenerator<Uint8Array> {
  yield new Uint8Array(1);
}
