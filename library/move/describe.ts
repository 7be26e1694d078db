import type { StorageMove, StoragePlace } from "#db/schema/storage-moves";

const names: Record<StoragePlace, string> = { disk: "the disk", s3: "S3" };

type Counts = { originals: number; settled: number; missing: number; damaged: number };

/** What a move has done and does, for its owner. */
export function describeMove(
  { source, target, status, message, keepsFiles }: StorageMove,
  { originals, settled, missing, damaged }: Counts,
): string {
  const from = names[source];
  const to = names[target];
  const progress = `${settled} of ${originals} originals compared there`;
  const sentences = {
    copying: `Copying from ${from} to ${to}: ${progress}. The photos are still used from ${from}.`,
    switching: `New photos go to ${to}; the last ones are copied: ${progress}.`,
    completed: `Moved from ${from} to ${to}: ${progress}. The old copy is kept. Set STORAGE=${target}, restart, then delete it: ./gallery storage forget-old`,
    cancelled: `The move to ${to} was cancelled; the photos are used from ${from}.`,
    forgetting: keepsFiles
      ? `Comparing the photos in ${to} once more; those on ${from} stay there and are used no more.`
      : `Comparing the photos in ${to} once more, and deleting them from ${from}.`,
    forgotten: `Moved from ${from} to ${to}; the old copy ${keepsFiles ? "is used no more" : "was deleted"}.`,
  };
  const lost = missing + damaged;
  return [
    sentences[status],
    ...(lost > 0
      ? [`${missing} missing and ${damaged} damaged at the old place, see ./gallery verify.`]
      : []),
    ...(message === null ? [] : [status === "completed" ? message : `It waits: ${message}`]),
  ].join(" ");
}
