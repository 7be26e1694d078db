import type { Manifest } from "#media/backup/manifest";

/** What the row of a backup says of its content. */
export function countsOf({ originals, missing }: Manifest) {
  return {
    originals: originals.count,
    bytes: originals.bytes,
    newOriginals: originals.newCount,
    newBytes: originals.newBytes,
    missing: missing.length,
  };
}
