import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { findStoredIds } from "#db/queries/photos/original-checks";
import type { OriginalFault } from "#db/schema/original-checks";
import type { BackupDraft } from "#media/backup/draft";
import {
  entryToLine,
  lineToEntry,
  type Manifest,
  type OriginalEntry,
} from "#media/backup/manifest";
import { originalsFile, wantedFile } from "#media/backup/names";
import type { BackupStore } from "#media/backup/store";
import { isDamage, storageUnmounted } from "#media/storage/faults";
import type { Library } from "../library";
import { inTurn } from "./in-turn";
import type { BackupOptions } from "./job";

const dayMs = 24 * 60 * 60 * 1_000;
/** Each stored original is read again within so many days: a disk can lose what it once kept. */
const days = 28;

type Missing = { id: string; fault: OriginalFault };
type Copied = Pick<Manifest, "originals" | "purged"> & { missing: Missing[] };

/** Copies the originals that the folder of backups does not have yet, and lists those that the backup has. */
export async function copyOriginals(
  library: Library,
  work: { store: BackupStore; draft: BackupDraft; options: BackupOptions; now: Date },
): Promise<Copied> {
  const { store, draft, options } = work;
  const total = await countLines(draft.pathOf(wantedFile));
  const sums = { count: 0, bytes: 0, newCount: 0, newBytes: 0 };
  const faulty: Missing[] = [];
  let done = 0;

  async function copy(entry: OriginalEntry): Promise<OriginalEntry | undefined> {
    options.signal?.throwIfAborted();
    const isNew = !(await store.originals.has(entry, isDue(entry, work.now)));
    const fault = isNew ? await keep(library, store, entry) : null;
    done += 1;
    options.onProgress(done, total);
    if (fault !== null) {
      faulty.push({ id: entry.photoId, fault });
      return undefined;
    }
    sums.count += 1;
    sums.bytes += entry.bytes;
    if (isNew) {
      sums.newCount += 1;
      sums.newBytes += entry.bytes;
    }
    return entry;
  }

  const encoder = new TextEncoder();
  const list = async function* () {
    for await (const entry of inTurn(entriesOf(draft.pathOf(wantedFile)), copy)) {
      if (entry) yield encoder.encode(entryToLine(entry));
    }
  };
  const file = await draft.compress(originalsFile, list());
  await rm(draft.pathOf(wantedFile));
  if (faulty.length > 0 && (await library.storage.findUnmountedArea())) throw storageUnmounted();
  const stored = await findStoredIds(
    library.database.db,
    faulty.map(({ id }) => id),
  );
  return {
    originals: { ...sums, file },
    missing: faulty.filter(({ id }) => stored.has(id)),
    purged: faulty.filter(({ id }) => !stored.has(id)).map(({ id }) => id),
  };
}

function isDue({ sha256 }: OriginalEntry, now: Date): boolean {
  const share = Math.floor((Number.parseInt(sha256.slice(0, 2), 16) * days) / 256);
  return share === Math.floor(now.getTime() / dayMs) % days;
}

async function keep(
  { storage }: Library,
  store: BackupStore,
  entry: OriginalEntry,
): Promise<OriginalFault | null> {
  const isKept = await storage
    .withLocalFile(entry.key, (path) => store.originals.keep(path, entry))
    .catch((error: NodeJS.ErrnoException) => {
      // It was purged between two calls.
      if (error.code === "ENOENT") return undefined;
      if (isDamage(error)) return false;
      throw error;
    });
  if (isKept === undefined) return "missing";
  return isKept ? null : "damaged";
}

async function* entriesOf(path: string): AsyncGenerator<OriginalEntry> {
  for await (const line of createInterface({ input: createReadStream(path) })) {
    yield lineToEntry(line);
  }
}

async function countLines(path: string): Promise<number> {
  let lines = 0;
  for await (const _ of createInterface({ input: createReadStream(path) })) lines += 1;
  return lines;
}
