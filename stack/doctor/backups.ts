import type { Database } from "#db/client";
import { summarizeBackups } from "#db/queries/backups/backups";
import { countFaultyOriginals } from "#db/queries/photos/original-checks";
import { countOf } from "#library/commands/output";
import { type Bucket, findBucketFault } from "./bucket";
import type { Check } from "./finding";
import { readableAge } from "./readable-age";

const oldMs = 2 * 24 * 60 * 60_000;

/**
 * Whether the bucket of backups can be used, how old the newest backup is, and whether the last ones failed.
 * @param bucket of BACKUP_TO, if it names one
 */
export function checkBackups(database: Database | undefined, bucket: Bucket | undefined): Check {
  return {
    part: "backups",
    async run({ ok, warning, fault }) {
      const denied = bucket && (await findBucketFault(bucket));
      if (denied) fault(denied.text, denied.advice);
      else if (bucket) ok("the bucket can be read, written and cleared");
      if (!database) return;
      const { lastGoodAt, failedSince } = await summarizeBackups(database.db);
      if (failedSince > 0) {
        fault(
          `the last ${countOf(failedSince, "backup")} failed`,
          "GET /api/v1/backups says why. See docs/operations.md#backup.",
        );
      }
      if (lastGoodAt === null) {
        return warning("there is none", "Set BACKUP_TO, or run ./gallery backup DIR.");
      }
      const age = Date.now() - lastGoodAt.getTime();
      const text = `the newest is ${readableAge(age)} old`;
      if (age > oldMs) warning(text, "Set BACKUP_TO, or run ./gallery backup DIR.");
      else ok(text);
    },
  };
}

/** Whether originals are known to be lost or damaged. */
export function checkIntegrity(database: Database | undefined): Check {
  return {
    part: "originals",
    async run({ ok, fault }) {
      if (!database) return;
      const faulty = await countFaultyOriginals(database.db);
      if (faulty === 0) return ok("none is known to be lost or damaged");
      fault(
        `${countOf(faulty, "original")} lost or damaged`,
        "Run ./gallery verify --repair; GET /api/v1/integrity lists them.",
      );
    },
  };
}
