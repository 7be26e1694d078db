import { t } from "elysia";
import { countBackups, listBackups } from "#db/queries/backups/backups";
import { listFaultyOriginals, summarizeChecks } from "#db/queries/photos/original-checks";
import type { ApiDeps } from "../../deps";
import { createModule } from "../../http/module";
import { parseTimeKeys, timeKeys } from "../../lists/cursor";
import {
  answerJson,
  type List,
  listBody,
  listOf,
  pageOf,
  pageQuery,
  readPage,
} from "../../lists/lists";
import { backupSchema, backupToWire, faultToWire, integritySchema } from "./model";

/** Every original is read within 28 nights; a week more for nights in which the machine was off. */
const checkedWithinMs = 35 * 24 * 60 * 60 * 1_000;
const maxFaults = 1_000;

/** What is known of the backups and of the originals' bytes. */
export function createBackupsModule(deps: ApiDeps) {
  const { db } = deps.database;

  return createModule({ name: "backups", prefix: "/api/v1", tags: ["service"] })
    .get(
      "/backups",
      async ({ query, request }) => {
        const page = pageOf(query);
        const backups = await readPage(page, {
          scope: ["backups"],
          parseKeys: parseTimeKeys,
          rows: (part) => listBackups(db, part),
          keysOf: ({ startedAt: at, id }) => timeKeys({ at, id }),
          count: () => countBackups(db),
        });
        return answerJson<List<typeof backupSchema.static>>(
          request,
          listBody(page, backups, backups.rows.map(backupToWire)),
        );
      },
      {
        query: t.Object(pageQuery()),
        response: { 200: listOf(backupSchema) },
        detail: { summary: "Backups, newest first, with those that failed" },
      },
    )
    .get(
      "/integrity",
      async () => {
        const since = new Date(deps.now().getTime() - checkedWithinMs);
        const [summary, faults] = await Promise.all([
          summarizeChecks(db, since),
          listFaultyOriginals(db, { limit: maxFaults }),
        ]);
        return { ...summary, faults: faults.map(faultToWire) };
      },
      {
        response: { 200: integritySchema },
        detail: {
          summary: "Which originals are lost or damaged",
          description:
            "A share of the originals is read each night. `./gallery verify` reads all, and puts back what a backup has.",
        },
      },
    );
}
