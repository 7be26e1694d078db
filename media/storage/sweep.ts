import { areas, type ParsedKey, parseKey } from "./keys";
import type { Storage } from "./storage";

/** Longer than any upload, and than the time between a file's rename and its row. */
const settledAfterMs = 60 * 60 * 1000;
const lookupSize = 500;
const maxShare = 0.01;
/** In a small library one per cent is too little: a killed upload of a full batch stays below this number. */
const maxAlways = 10;

export type SweepReport = Readonly<{
  /** Photos' files examined, without those that are too young. */
  checked: number;
  /** Unfinished files moved to quarantine. */
  unfinished: number;
  /** Photos without a row whose files were moved to quarantine; zero when `stopped`. */
  orphans: number;
  /** Whether the sweep stopped because too many photos lack a row; then it touched none of them. */
  stopped: boolean;
}>;

export type SweepTask = Readonly<{
  storage: Storage;
  now: Date;
  /** Number of photos that have a row. */
  photoCount: number;
  /** Which of these ids (at most 500 at a time) have a row, including trashed ones. */
  knownIds: (ids: string[]) => Promise<ReadonlySet<string>>;
}>;

/**
 * Moves files that a crash left to quarantine: unfinished files, and photos' files without a row, both older than an
 * hour. It deletes nothing and ignores files with unknown names. When more than 1 % of the library (and more than ten
 * photos) lack a row, it stops and moves none of them: then the rows are probably lost, not the photos superfluous.
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
