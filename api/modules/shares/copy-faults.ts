import type { CopyFaultReason } from "#db/schema/copy-faults";
import { listCurrentFaults } from "#library/copy-faults";
import type { ApiDeps } from "../../deps";

const maxListed = 1_000;

/** Per link: the originals that visitors cannot get, with what the owner can do. */
export async function findLinkFaults(
  deps: Pick<ApiDeps, "database" | "storage">,
  linkIds: string[],
): Promise<Map<string, { photo_id: string; reason: CopyFaultReason; message: string }[]>> {
  const byLink: Awaited<ReturnType<typeof findLinkFaults>> = new Map();
  for (const fault of await listCurrentFaults(deps, { linkIds, limit: maxListed })) {
    const { linkId, photoId, reason } = fault;
    const entry = { photo_id: photoId, reason, message: messages[reason] };
    byLink.set(linkId, [...(byLink.get(linkId) ?? []), entry]);
  }
  return byLink;
}

const instead = "Visitors get its preview in place of the original.";
const messages: Record<CopyFaultReason, string> = {
  missing: `The original's file is missing; restore it from a backup or upload it again. ${instead}`,
  undecodable: `The original is damaged, so no copy without metadata can be made; restore it from a backup or upload it again. ${instead}`,
  too_costly: `Making a copy without metadata takes too long; upload it in another format or smaller, or set show_metadata. ${instead}`,
};
