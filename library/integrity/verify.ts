import {
  type CheckResult,
  countOriginals,
  type ExpectedOriginal,
  findStoredIds,
  listLongestUnchecked,
  listOriginalsAfter,
  noteChecks,
} from "#db/queries/photos/original-checks";
import type { BackupStore } from "#media/backup/store";
import { storageUnmounted } from "#media/storage/faults";
import type { Library } from "../library";
import { checkOriginal } from "./check-original";
import { putBackFromBackup } from "./repair";

const pageSize = 100;
/** Every original is read once in so many nights. */
const nights = 28;

type Verification = Library &
  Readonly<{
    now: () => Date;
    /** Where the right bytes of a faulty original may be; null: no backups are made. */
    backups: BackupStore | null;
    /** Called after each original, and while a large one is read. */
    onProgress: (done: number, total: number) => void;
    signal?: AbortSignal;
  }>;

export type FaultyOriginal = ExpectedOriginal &
  CheckResult & { /** It was put back from a backup. */ isRepaired: boolean };

export type VerifyReport = { checked: number; faulty: FaultyOriginal[] };

/** Compares the originals that were not read for the longest time: a share of the library for each night. */
export async function verifySlice(work: Verification): Promise<VerifyReport> {
  const { db } = work.database;
  const startedAt = work.now();
  const total = Math.ceil((await countOriginals(db)) / nights);
  const pages = async function* () {
    for (let left = total; left > 0;) {
      const limit = Math.min(left, pageSize);
      const page = await listLongestUnchecked(db, { checkedBefore: startedAt, limit });
      if (page.length === 0) return;
      yield page;
      left -= page.length;
    }
  };
  return verify(work, { pages: pages(), total, repairs: false });
}

/** Compares all originals. `repairs`: faulty ones are replaced from the backups where these have the right bytes. */
export async function verifyAll(
  work: Verification,
  { repairs }: { repairs: boolean },
): Promise<VerifyReport> {
  const { db } = work.database;
  const pages = async function* () {
    for (let afterId: string | null = null; ;) {
      const page: ExpectedOriginal[] = await listOriginalsAfter(db, { afterId, limit: pageSize });
      if (page.length === 0) return;
      yield page;
      afterId = page.at(-1)!.id;
    }
  };
  return verify(work, { pages: pages(), total: await countOriginals(db), repairs });
}

async function verify(
  work: Verification,
  {
    pages,
    total,
    repairs,
  }: {
    pages: AsyncIterable<ExpectedOriginal[]>;
    total: number;
    repairs: boolean;
  },
): Promise<VerifyReport> {
  const report: VerifyReport = { checked: 0, faulty: [] };
  for await (const page of pages) {
    const results: FaultyOriginal[] = [];
    const sound: CheckResult[] = [];
    for (const photo of page) {
      work.signal?.throwIfAborted();
      const fault = await checkOriginal(work.storage, photo, () =>
        work.onProgress(report.checked, total),
      );
      report.checked += 1;
      work.onProgress(report.checked, total);
      if (fault === null) sound.push({ photoId: photo.id, fault, isInBackup: null });
      else results.push(await examine(work, photo, fault, repairs));
    }
    if (results.length > 0 && (await work.storage.findUnmountedArea())) throw storageUnmounted();
    report.faulty.push(...results);
    const noted = results.map(({ photoId, fault, isInBackup, isRepaired }) =>
      isRepaired ? { photoId, fault: null, isInBackup: null } : { photoId, fault, isInBackup },
    );
    await noteChecks(work.database.db, { results: [...sound, ...noted], now: work.now() });
  }
  return withoutPurged(work, report);
}

/** Photos may be purged until the last original was compared: those have neither a fault nor an original. */
async function withoutPurged(
  { database }: Library,
  { checked, faulty }: VerifyReport,
): Promise<VerifyReport> {
  const left: FaultyOriginal[] = [];
  for (let from = 0; from < faulty.length; from += pageSize) {
    const page = faulty.slice(from, from + pageSize);
    const ids = page.map(({ id }) => id);
    const stored = await findStoredIds(database.db, ids);
    left.push(...page.filter(({ id }) => stored.has(id)));
  }
  return { checked: checked - (faulty.length - left.length), faulty: left };
}

async function examine(
  work: Verification,
  photo: ExpectedOriginal,
  fault: NonNullable<CheckResult["fault"]>,
  repairs: boolean,
): Promise<FaultyOriginal> {
  const { backups } = work;
  const wanted = { sha256: photo.contentHash, bytes: photo.fileSize };
  // Read, too: both copies may be damaged.
  const isInBackup = backups && (await backups.originals.has(wanted, true));
  const isRepaired =
    repairs && isInBackup === true && (await putBackFromBackup(work, backups!, photo));
  return { ...photo, photoId: photo.id, fault, isInBackup, isRepaired };
}
