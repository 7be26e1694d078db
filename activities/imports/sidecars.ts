import type { NewPhoto } from "#db/schema/photos";
import { readImportText } from "#media/folders/import-file";
import { joinFacts, readSidecar, type SidecarFacts } from "#media/metadata/sidecar";

/** The joined facts of a picture's sidecars. */
export async function readSidecars(
  folder: string,
  files: readonly string[],
  picture: string,
): Promise<SidecarFacts> {
  const facts: SidecarFacts[] = [];
  for (const file of files) {
    const text = await readImportText(folder, file);
    if (text !== undefined) facts.push(readSidecar(text, picture));
  }
  return joinFacts(facts);
}

/** The picture's own metadata takes precedence. */
export function sidecarColumns(
  photo: NewPhoto,
  { takenAt, place, title, description }: SidecarFacts,
): Partial<NewPhoto> {
  const hasRecord = place !== undefined || description !== undefined;
  return {
    ...(!photo.takenAt &&
      takenAt && {
        takenAt: takenAt.wallClock,
        takenAtOffsetMinutes: takenAt.offsetMinutes ?? null,
        takenAtSource: "sidecar" as const,
      }),
    ...(photo.title == null && title !== undefined && { title }),
    ...(hasRecord && { sidecar: { ...(place && { place }), ...(description && { description }) } }),
  };
}
