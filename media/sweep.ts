import { areas, type ParsedKey, parseKey } from "./keys";
import type { Storage } from "./storage";

/** An upload, or the time between a file's rename and its row, never takes as long. */
const settledAfterMs = 60 * 60 * 1000;
const lookupSize = 500;
const maxShare = 0.01;
/** In a small library one per cent is nothing: a killed upload of a full batch stays below. */
const maxAlways = 10;

export type SweepReport = Readonly<{
  /** Files of photos that were looked at, without those still young. */
  checked: number;
  /** Unfinished files set aside. */
  unfinished: number;
  /** Photos without a row whose files were set aside; nothing of them when `stopped`. */
  orphans: number;
  /** More photos lack a row than chance explains: something else is wrong, and none was touched. */
  stopped: boolean;
}>;

export type SweepTask = Readonly<{
  storage: Storage;
  now: Date;
  /** Photos the library has rows for. */
  photoCount: number;
  /** Which of these ids (at most 500 at a time) have a row, trashed ones too. */
  knownIds: (ids: string[]) => Promise<ReadonlySet<string>>;
}>;

/**
 * Sets aside what a crash left: unfinished files, and files of photos that have no row, both older than an
 * hour. It deletes nothing, and leaves alone what no key of ours names. When more than 1 % of the
 * library (and more than ten photos) seem to lack a row, it stops and touches none of them:
 * then rather the rows are missing than the photos superfluous.
 */
export async function sweepFiles(task: SweepTask): Promise<SweepReport> {
  const { storage } = task;
  const settledBefore = new Date(task.now.getTime() - settledAfterMs);
  const limit = Math.max(maxAlways, Math.floor(task.photoCount * maxShare));
  const orphans = new Map<string, string[]>();
  const report = { checked: 0, unfinished: 0 };
  let batch: Candidate[] = [];

  async function lookUp(): Promise<void> {
    const unknown = await withoutRow(batch, task.knownIds);
    for (const { id, key } of unknown) orphans.set(id, [...(orphans.get(id) ?? []), key]);
    batch = [];
  }

  for await (const { key, parsed } of settledFiles(storage, settledBefore)) {
    if (parsed.part === "incoming") {
      if (await storage.quarantine(key, settledBefore)) report.unfinished += 1;
      continue;
    }
    report.checked += 1;
    batch.push({ id: parsed.id, key });
    if (batch.length === lookupSize) await lookUp();
    if (orphans.size > limit) break;
  }
  await lookUp();
  const stopped = orphans.size > limit;
  if (!stopped) {
    for (const key of [...orphans.values()].flat()) await storage.quarantine(key, settledBefore);
  }
  return { ...report, orphans: orphans.size, stopped };
}

type Candidate = { id: string; key: string };

async function* settledFiles(
  storage: Storage,
  settledBefore: Date,
): AsyncGenerator<{ key: string; parsed: ParsedKey }> {
  for (const area of areas) {
    for await (const { key, modifiedAt } of storage.list(area)) {
      const parsed = parseKey(key);
      if (parsed && modifiedAt < settledBefore) yield { key, parsed };
    }
  }
}

async function withoutRow(
  candidates: Candidate[],
  knownIds: SweepTask["knownIds"],
): Promise<Candidate[]> {
  if (candidates.length === 0) return [];
  const known = await knownIds([...new Set(candidates.map(({ id }) => id))]);
  return candidates.filter(({ id }) => !known.has(id));
}
