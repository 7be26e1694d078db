/** The supported image types, with the file extension of their originals. */
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

export const imageMimeTypes = Object.keys(extensions) as ImageMimeType[];

/** `jpg` for `image/jpeg`; throws on a type that is never stored, which is the caller's bug. */
export function extensionFor(mimeType: string): string {
  if (!Object.hasOwn(extensions, mimeType)) throw new Error(`not a stored type: ${mimeType}`);
  return extensions[mimeType as ImageMimeType];
}

/** The output type of re-encoding: fast to write and widely supported. */
const newTypes: Record<ImageMimeType, { opaque: ImageMimeType; transparent: ImageMimeType }> = {
  "image/jpeg": { opaque: "image/jpeg", transparent: "image/jpeg" },
  "image/png": { opaque: "image/png", transparent: "image/png" },
  "image/webp": { opaque: "image/webp", transparent: "image/webp" },
  "image/gif": { opaque: "image/gif", transparent: "image/gif" },
  // Writing AVIF takes half a minute for a large picture, and few programs read HEIC.
  "image/avif": { opaque: "image/webp", transparent: "image/webp" },
  "image/heic": { opaque: "image/jpeg", transparent: "image/webp" },
  "image/heif": { opaque: "image/jpeg", transparent: "image/webp" },
};

export function reencodedType(mimeType: ImageMimeType, hasAlpha: boolean): ImageMimeType {
  const { opaque, transparent } = newTypes[mimeType];
  return hasAlpha ? transparent : opaque;
}

/** All types that pictures of a type may be re-encoded to: one, or two when it depends on transparency. */
export function reencodedTypes(mimeType: ImageMimeType): readonly ImageMimeType[] {
  const { opaque, transparent } = newTypes[mimeType];
  return opaque === transparent ? [opaque] : [opaque, transparent];
}
