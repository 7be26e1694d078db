/** The image types this gallery knows, with the extension their originals are stored under. */
const extensions = {
  "image/jpeg": "jpg",
  "image/png": "png",
  "image/webp": "webp",
  "image/gif": "gif",
  "image/avif": "avif",
  "image/heic": "heic",
  "image/heif": "heif",
} as const;

export type ImageMimeType = keyof typeof extensions;

/** `jpg` for `image/jpeg`; throws on a type that is never stored, which is a bug of the caller. */
export function extensionFor(mimeType: string): string {
  if (!Object.hasOwn(extensions, mimeType)) throw new Error(`not a stored type: ${mimeType}`);
  return extensions[mimeType as ImageMimeType];
}

/** What a picture becomes when it is made anew: something that is quick to write and read everywhere. */
const newTypes: Record<ImageMimeType, ImageMimeType> = {
  "image/jpeg": "image/jpeg",
  "image/png": "image/png",
  "image/webp": "image/webp",
  "image/gif": "image/gif",
  // Writing AVIF takes half a minute for a large picture, and few programs read HEIC.
  "image/avif": "image/webp",
  "image/heic": "image/jpeg",
  "image/heif": "image/jpeg",
};

export function reencodedType(mimeType: ImageMimeType): ImageMimeType {
  return newTypes[mimeType];
}
