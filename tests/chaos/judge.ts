import { sha256Of } from "#sha256";
import type { createBackupCommands } from "#tests/support/backups";
import { findBrokenPromises } from "../schedules/promises";
import type { TestBed } from "../schedules/test-bed";
import type { ApiFront } from "./api-front";
import type { Ledger } from "./ledger";
import { visit } from "./load";

/** Everything that the ledger knows and the gallery does not; to be called when nothing is under way. */
export async function judge(
  bed: TestBed,
  api: ApiFront,
  ledger: Ledger,
  backups: { folder: string; run: ReturnType<typeof createBackupCommands>["run"] },
): Promise<string[]> {
  return [
    ...new Set(ledger.broken),
    ...(await findBrokenPromises(bed, [...ledger.steps], { allowsOrphans: true })),
    ...(await checkUploads(bed, api, ledger)),
    ...(await checkSteps(bed, ledger)),
    ...(await checkLinks(api, ledger)),
    ...(await checkBackups(ledger, backups)),
  ];
}

/** Each acknowledged upload is there byte for byte, in the trash or not. */
async function checkUploads(bed: TestBed, api: ApiFront, ledger: Ledger): Promise<string[]> {
  const broken: string[] = [];
  for (const [id, hash] of ledger.uploads) {
    const [row] = await bed.stack.database.sql`select deleted_at from photos where id = ${id}`;
    if (!row) {
      broken.push(`the upload ${id} is gone`);
      continue;
    }
    const isIn = row["deleted_at"] !== null;
    const wanted = ledger.trash.get(id);
    if (wanted !== "unknown" && isIn !== (wanted === "in")) {
      broken.push(`the upload ${id} is ${isIn ? "" : "not "}in the trash`);
    }
    // Bytes of the trash are compared by the files of the rows.
    if (isIn) continue;
    const response = await fetch(`${api.url()}/api/v1/photos/${id}`, {
      headers: { accept: "image/*" },
    });
    const found = sha256Of(await response.bytes());
    if (found !== hash) broken.push(`the upload ${id} comes back with other bytes`);
  }
  return broken;
}

/** No request was forgotten, no selection lost. */
async function checkSteps(bed: TestBed, ledger: Ledger): Promise<string[]> {
  const broken: string[] = [];
  for (const id of ledger.steps) {
    const [row] = await bed.stack.database.sql`
      select status, selected_image_id from steps where id = ${id}`;
    if (!row) broken.push(`the step ${id} is gone`);
    else if (row["status"] === "pending" || row["status"] === "processing") {
      broken.push(`the step ${id} was forgotten: it is ${row["status"]}`);
    }
    const selected = ledger.selections.get(id);
    if (row && typeof selected === "string" && row["selected_image_id"] !== selected) {
      broken.push(`the selection of step ${id} is lost`);
    }
  }
  return broken;
}

async function checkLinks(api: ApiFront, ledger: Ledger): Promise<string[]> {
  const broken: string[] = [];
  for (const link of ledger.links.values()) {
    broken.push(...(await visit(api.url(), link)));
    const isPublic = link.revoked === "no" && ledger.trash.get(link.photoId) === "out";
    const { status } = await fetch(`${api.url()}/s/${link.key}`);
    if (isPublic && status !== 200) broken.push(`a link that was not revoked answers ${status}`);
  }
  return broken;
}

/** The newest backup is whole. */
async function checkBackups(
  ledger: Ledger,
  { folder, run }: Parameters<typeof judge>[3],
): Promise<string[]> {
  if (ledger.backups === 0) return [];
  const { code, output } = await run({ verb: "check", folder, backup: null });
  return code === 0 ? [] : [`the newest backup is not whole: ${output.slice(-300)}`];
}
