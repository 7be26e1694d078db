import { Gauge } from "prom-client";
import type { Db } from "#db/client";
import { summarizeBackups } from "#db/queries/backups/backups";
import { countFaultyOriginals } from "#db/queries/photos/original-checks";
import { inTime } from "./in-time";
import type { Metrics } from "./metrics";

/** Adds how old the last good backup is, how many have failed since, and how many originals are lost or damaged. */
export function watchBackups({ registry }: Metrics, db: Db): void {
  const registers = [registry];
  const age = new Gauge({
    name: "gallery_backup_age_seconds",
    help: "Time since the last completed backup began; missing without one",
    registers,
    async collect() {
      age.reset();
      age.remove();
      const read = await inTime(summarizeBackups(db));
      const at = read?.value.lastGoodAt;
      if (at) age.set((Date.now() - at.getTime()) / 1_000);
    },
  });
  const failures = new Gauge({
    name: "gallery_backup_failures",
    help: "Backups that failed since the last completed one",
    registers,
    async collect() {
      const read = await inTime(summarizeBackups(db));
      if (read) failures.set(read.value.failedSince);
    },
  });
  const faulty = new Gauge({
    name: "gallery_damaged_originals",
    help: "Originals that are known to be lost or damaged",
    registers,
    async collect() {
      const read = await inTime(countFaultyOriginals(db));
      if (read) faulty.set(read.value);
    },
  });
}
