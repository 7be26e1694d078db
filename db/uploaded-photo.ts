import type { GenerationMetadata, NewPhoto } from "./schema/photos";

/** A picture that was taken in, as far as its row goes. */
export type UploadedImage = Readonly<{
  mimeType: string;
  /** Pixels, upright. */
  width: number;
  height: number;
  bytes: number;
  /** Hex. */
  sha256: string;
  thumbhash: string;
  recorded: Readonly<{
    takenAt: Readonly<{ wallClock: string; offsetMinutes: number | undefined }> | undefined;
    generation?: GenerationMetadata | undefined;
  }>;
}>;

/** The row of an uploaded or imported picture. */
export function uploadedPhoto(upload: {
  id: string;
  filename: string;
  createdAt: Date;
  title: string | null;
  tags: string[];
  image: UploadedImage;
}): NewPhoto {
  const { image, ...given } = upload;
  const { takenAt, generation } = image.recorded;
  return {
    ...given,
    kind: "uploaded",
    mimeType: image.mimeType,
    width: image.width,
    height: image.height,
    fileSize: image.bytes,
    contentHash: image.sha256,
    thumbhash: image.thumbhash,
    takenAt: takenAt?.wallClock ?? null,
    takenAtOffsetMinutes: takenAt?.offsetMinutes ?? null,
    generation: generation ?? null,
    retrievalStatus: "completed",
  };
}
