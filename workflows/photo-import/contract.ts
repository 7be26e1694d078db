import type { Timings } from "../timings";

/** The row says what is imported, how far it is, and whether it was cancelled. */
export type PhotoImportInput = { importId: string; timings?: Partial<Timings> };

/** One import, one run: a second start is the same run. */
export const photoImportId = (importId: string): string => `photo-import/${importId}`;

/** How many files of an import are settled, of how many that were found. */
export type ImportTally = {
  found: number;
  imported: number;
  duplicates: number;
  failed: number;
};
