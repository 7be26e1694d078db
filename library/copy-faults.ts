import type { Logger } from "pino";
import {
  deleteCopyFault,
  findCopyFault,
  keepCopyFault,
  listLinkFaults,
} from "#db/queries/shares/copy-faults";
import type { CopyFault, CopyFaultReason } from "#db/schema/copy-faults";
import { type CopyFailures, copyVersion } from "#media/copies/copies";
import type { StoredFile } from "#media/storage/storage";
import type { Library } from "./library";
import { findOriginal } from "./original";

const dayMs = 24 * 60 * 60 * 1_000;
/** A system upgrade may bring another decoder; a busy machine may have time another day. */
const retryAfterMs = { undecodable: 30 * dayMs, too_costly: dayMs };

/** `find` gives nothing once another attempt may help; `keep` notifies the owner once. */
export type CopyFaults = Omit<CopyFailures, "keep"> &
  Readonly<{ keep(photoId: string, reason: CopyFaultReason): Promise<void> }>;

/** Stores in rows why an original cannot be sent and its preview is sent instead. */
export function createCopyFaults({
  database: { db },
  storage,
  log,
  now,
}: Library & Readonly<{ log: Pick<Logger, "warn">; now: () => Date }>): CopyFaults {
  return {
    async find(original) {
      const fault = await findCopyFault(db, original.id);
      if (!fault || fault.reason === "missing" || fault.copyVersion !== copyVersion)
        return undefined;
      if (isPutBack(fault, await findOriginal(storage, original))) return undefined;
      const isOld = now().getTime() - fault.failedAt.getTime() > retryAfterMs[fault.reason];
      return isOld ? undefined : fault.reason;
    },

    async keep(photoId, reason) {
      const known = await findCopyFault(db, photoId);
      // A missing file is looked up at each request.
      if (known?.reason === "missing" && reason === "missing") return;
      const fault = { photoId, reason, copyVersion, failedAt: now() };
      if (!(await keepCopyFault(db, fault))) return;
      log.warn({ photo_id: photoId, reason }, "a preview is sent instead of an original");
    },

    forget: (photoId) => deleteCopyFault(db, photoId),
  };
}

/** The faults of originals behind these links, without those whose file was put back since. */
export async function listCurrentFaults(
  { database, storage }: Library,
  params: { linkIds: string[]; limit: number },
): Promise<{ linkId: string; photoId: string; reason: CopyFaultReason }[]> {
  const standing = [];
  for (const { linkId, fault, photo } of await listLinkFaults(database.db, params)) {
    const original = { ...photo, mimeType: photo.mimeType! };
    if (isPutBack(fault, await findOriginal(storage, original))) continue;
    standing.push({ linkId, photoId: photo.id, reason: fault.reason });
  }
  return standing;
}

/** The file is there again, or was replaced after the attempt that failed. */
function isPutBack({ reason, failedAt }: CopyFault, file: StoredFile | undefined): boolean {
  return file !== undefined && (reason === "missing" || file.changedAt > failedAt);
}
