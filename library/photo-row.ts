import type { NewPhoto } from "#db/schema/photos";
import { tagKey } from "#db/search/search-words";
import type { DecodedImage, IngestedImage } from "#media/pictures/ingest";

/** A picture without its derivatives. */
export type PictureFacts = Omit<IngestedImage, "thumbnail" | "preview">;

/** The columns that describe a photo's stored file. */
export function fileColumns(image: Omit<DecodedImage, "thumbnail" | "preview">) {
  return {
    mimeType: image.mimeType,
    width: image.width,
    height: image.height,
    fileSize: image.bytes,
    contentHash: image.contentHash,
    thumbhash: image.thumbhash,
  };
}

/** The row of an uploaded or imported picture. */
export function uploadedPhoto(upload: {
  id: string;
  filename: string;
  createdAt: Date;
  title: string | null;
  tags: string[];
  image: PictureFacts;
  /** Whether missing title and tags are taken from the file. */
  takesEmbeddedTexts?: boolean;
}): NewPhoto {
  const { image, takesEmbeddedTexts = false, ...given } = upload;
  const { takenAt, generation, texts } = image.recorded;
  const embedded = takesEmbeddedTexts ? texts : undefined;
  return {
    ...given,
    ...fileColumns(image),
    title: given.title ?? embedded?.title ?? null,
    tags: given.tags.length > 0 ? given.tags : distinct(embedded?.tags ?? []),
    kind: "uploaded",
    takenAt: takenAt?.wallClock ?? null,
    takenAtOffsetMinutes: takenAt?.offsetMinutes ?? null,
    takenAtSource: takenAt?.source ?? null,
    generation: generation ?? null,
    retrievalStatus: "completed",
  };
}

/** Keeps the first of tags that differ only in case. */
function distinct(tags: readonly string[]): string[] {
  const kept = new Map<string, string>();
  for (const tag of tags) if (!kept.has(tagKey(tag))) kept.set(tagKey(tag), tag);
  return [...kept.values()];
}
