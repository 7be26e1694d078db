import type { Manifest } from "#media/backup/manifest";
import type { BackupFaults } from "../backup/check";

const everyMs = 200;
const everyMsInLog = 10_000;

/** A line that shows how far work is: rewritten in place on a terminal, else printed now and then. */
export function showProgress(what: string): {
  update: (done: number, total: number) => void;
  end: () => void;
} {
  const isTerminal = process.stderr.isTTY === true;
  let shownAt = performance.now() - (isTerminal ? everyMs : 0);
  let isShown = false;
  return {
    update(done, total) {
      const now = performance.now();
      const isLast = isTerminal && done === total;
      if (now - shownAt < (isTerminal ? everyMs : everyMsInLog) && !isLast) return;
      shownAt = now;
      isShown = true;
      const percent = total === 0 ? 100 : Math.floor((done / total) * 100);
      const line = `${what}: ${done} of ${total} (${percent} %)`;
      process.stderr.write(isTerminal ? `\r\x1b[K${line}` : `${line}\n`);
    },
    end() {
      if (isTerminal && isShown) process.stderr.write("\n");
    },
  };
}

/** Bytes as a person reads them. */
export function readableBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), units.length - 1);
  const amount = bytes / 1_000 ** step;
  return `${step === 0 ? amount : amount.toFixed(1)} ${units[step]}`;
}

export const countOf = (amount: number, noun: string) =>
  `${amount} ${noun}${amount === 1 ? "" : "s"}`;

export function showLosses(lost: BackupFaults["originals"]): void {
  if (lost.length === 0) return;
  console.error(`The backup has lost the originals of ${countOf(lost.length, "photo")}:`);
  for (const { photoId, fault } of lost) console.error(`  ${photoId}  ${fault}`);
}

/** A whole backup can lack originals: those that the library had lost. */
export function showMissing({ missing }: Manifest): void {
  if (missing.length === 0) return;
  console.error(
    `The originals of ${countOf(missing.length, "photo")} are not in the backup: they were lost or damaged before it was made:`,
  );
  for (const { id, fault } of missing) console.error(`  ${id}  ${fault}`);
}
