import { createReadStream } from "node:fs";
import type { ExpectedOriginal } from "#db/queries/photos/original-checks";
import type { OriginalFault } from "#db/schema/original-checks";
import { AppError } from "#errors";
import { isDamage } from "#media/storage/faults";
import { originalKey, previewKey, thumbnailKey } from "#media/storage/keys";
import type { Storage } from "#media/storage/storage";

export type Ends = Readonly<{ source: Storage; target: Storage }>;

/**
 * Makes sure that an original is at the target with the bytes of its hash: compared there, copied if it is not, and read
 * back. May run twice, also at the same time.
 * @returns why it cannot be: the source does not have the right bytes either. null: it is there
 */
export async function settleOriginal(
  ends: Ends,
  photo: ExpectedOriginal,
  onChunk: () => void,
): Promise<OriginalFault | null> {
  const { target } = ends;
  const key = originalKey(photo);
  const there = await target.hash(key, onChunk);
  if (there !== photo.contentHash) {
    const fault = await copy(ends, photo, { hasOther: there !== undefined, onChunk });
    if (fault !== null) return fault;
    if ((await target.hash(key, onChunk)) !== photo.contentHash) throw notKept();
  }
  return null;
}

async function copy(
  { source, target }: Ends,
  photo: ExpectedOriginal,
  { hasOther, onChunk }: { hasOther: boolean; onChunk: () => void },
): Promise<OriginalFault | null> {
  const key = originalKey(photo);
  await using staged = await target.stage(photo.kind);
  const read = async (path: string) => {
    const chunks = async function* () {
      for await (const chunk of createReadStream(path)) {
        onChunk();
        yield chunk as Uint8Array;
      }
    };
    return staged.receive(chunks(), Infinity);
  };
  const received = await source.withLocalFile(key, read).catch((error: unknown) => {
    if (isDamage(error)) return null;
    throw error;
  });
  if (received === undefined) return hasOther ? "damaged" : "missing";
  if (received?.contentHash !== photo.contentHash) return "damaged";
  // Other bytes at the target are kept in its quarantine, until the owner deletes them.
  if (hasOther) await target.quarantine(key, new Date());
  await target.commit(staged, key);
  return null;
}

/** Copies thumbnail and preview; one that is missing or damaged is made again when it is requested. */
export async function copyDerivatives(
  { source, target }: Ends,
  { id }: ExpectedOriginal,
): Promise<void> {
  for (const key of [previewKey(id), thumbnailKey(id)]) {
    if (await target.find(key)) continue;
    const bytes = await source
      .withLocalFile(key, (path) => Bun.file(path).bytes())
      .catch((error: unknown) => {
        if (isDamage(error)) return undefined;
        throw error;
      });
    if (bytes) await target.put(key, bytes);
  }
}

const notKept = () =>
  new AppError({
    kind: "unavailable",
    code: "storage_error",
    message: "The storage to move to did not keep what was written to it.",
  });
