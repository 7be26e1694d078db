import type { PhotoImport } from "#db/schema/imports";
import type { ImportTally } from "#workflows/photo-import/contract";

/** The counts of an import, as its run shows them. */
export function tallyOf(row: PhotoImport | undefined): ImportTally {
  const { found = 0, imported = 0, duplicates = 0, failed = 0, sidecars = 0 } = row ?? {};
  return { found, imported, duplicates, failed, sidecars };
}
