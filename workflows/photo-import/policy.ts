import { count } from "../lib/present";
import type { ImportTally } from "./contract";

/** A run takes so many slices before it continues as new: a few hundred events, whatever the folder's size. */
export const slicesARun = 25;

/** Where an import stands, for a person. */
export function tellTally({ found, imported, duplicates, failed }: ImportTally): string {
  const settled = imported + duplicates + failed;
  const parts = [
    `${count(imported, "photo")} imported`,
    ...(duplicates > 0 ? [`${count(duplicates, "duplicate")} skipped`] : []),
    ...(failed > 0 ? [`${count(failed, "file")} left out`] : []),
  ];
  return `${settled} of ${count(found, "file")}: ${parts.join(", ")}.`;
}
