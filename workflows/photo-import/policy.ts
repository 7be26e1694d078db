import { count } from "../lib/run-status";
import type { ImportTally } from "./contract";

/** After this many slices a run continues as new: a few hundred events, whatever the folder's size. */
export const maxSlicesPerRun = 25;

/** The progress of an import, as shown to the user. */
export function describeTally({
  found,
  imported,
  duplicates,
  failed,
  sidecars,
}: ImportTally): string {
  const settled = imported + duplicates + failed + sidecars;
  const parts = [
    `${count(imported, "photo")} imported`,
    ...(duplicates > 0 ? [`${count(duplicates, "duplicate")} skipped`] : []),
    ...(sidecars > 0 ? [count(sidecars, "sidecar")] : []),
    ...(failed > 0 ? [`${count(failed, "file")} left out`] : []),
  ];
  return `${settled} of ${count(found, "file")}: ${parts.join(", ")}.`;
}
