import { runStart } from "../run-start";
import type { Timings } from "../timings";

/** The row holds the folder, the position reached, and a cancel request. */
export type PhotoImportInput = { importId: string; timings?: Partial<Timings> };

/** One import, one run: a second start is the same run. */
export const photoImportId = (importId: string): string => `photo-import/${importId}`;

export const photoImportRun = (input: PhotoImportInput) =>
  runStart({
    type: "photoImport",
    workflowId: photoImportId(input.importId),
    args: [input],
    summary: "Import of a folder",
    entity: input.importId,
    status: "counting",
  });

/** How many files of an import were found, and how many of them are settled. */
export type ImportTally = {
  found: number;
  imported: number;
  duplicates: number;
  failed: number;
  sidecars: number;
};
