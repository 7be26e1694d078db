import type { StoredFile } from "#media/storage/storage";
import { sha256Of } from "#sha256";

/** Entries; some megabytes of memory. */
const maxKept = 20_000;

/**
 * Hashes of stored files (SHA-256, base64url), for ETags: unlike modification times they do not reveal when a photo was
 * added. A file is read once after each write; for small files.
 */
export function createContentTags(): (key: string, file: StoredFile) => Promise<string> {
  const kept = new Map<string, { revision: string; tag: string }>();

  return async (key, file) => {
    const { revision } = file;
    const had = kept.get(key);
    if (had?.revision === revision) return had.tag;
    const tag = sha256Of(await file.content.bytes(), "base64url");
    if (kept.size >= maxKept) kept.delete(kept.keys().next().value!);
    kept.set(key, { revision, tag });
    return tag;
  };
}
