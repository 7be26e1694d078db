import { extensionFor, type ImageMimeType, reencodedType } from "./formats";

export type PhotoKind = "uploaded" | "generated";

/** A photo's original, as far as its place in storage goes. */
export type OriginalRef = Readonly<{ kind: PhotoKind; id: string; mimeType: string }>;

/** The top of every key, one tree for each; the sweep walks exactly these. */
export const areas = ["photos/uploaded", "photos/generated", "photos/thumbnails"] as const;
export type Area = (typeof areas)[number];

/** Names below an area that no photo can have: files still being written, and files set aside. */
export const incomingFolder = ".incoming";
export const quarantineFolder = ".quarantine";

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const original = /^photos\/(uploaded|generated)\/([0-9a-f]{2})\/([0-9a-f-]{36})\.[a-z]{3,4}$/;
const derivative =
  /^photos\/thumbnails\/([0-9a-f]{2})\/([0-9a-f-]{36})(?:(\.preview)?\.webp|(\.shared)\.[a-z]{3,4})$/;
const incoming = /^photos\/(?:uploaded|generated|thumbnails)\/\.incoming\/[^/]+\.part$/;

/** `photos/uploaded/ab/<id>.jpg`: where the untouched bytes lie. */
export function originalKey(photo: OriginalRef): string {
  return `photos/${photo.kind}/${fanned(photo.id)}.${extensionFor(photo.mimeType)}`;
}

/** A function of the id alone, so that a thumbnail is served without reading a row. */
export function thumbnailKey(id: string): string {
  return `photos/thumbnails/${fanned(id)}.webp`;
}

export function previewKey(id: string): string {
  return `photos/thumbnails/${fanned(id)}.preview.webp`;
}

/** A copy of an original of this type, made anew to leave without what the original carries; can be made again. */
export function sharedCopyKey(photo: Pick<OriginalRef, "id" | "mimeType">): string {
  const mimeType = reencodedType(photo.mimeType as ImageMimeType);
  return `photos/thumbnails/${fanned(photo.id)}.shared.${extensionFor(mimeType)}`;
}

/** The area a new original of this kind is written in. */
export function areaOf(kind: PhotoKind): Area {
  return `photos/${kind}`;
}

export type ParsedKey =
  | { part: "original"; kind: PhotoKind; id: string }
  | { part: "thumbnail" | "preview" | "shared-copy"; id: string }
  | { part: "incoming" };

/** The inverse of the functions above; undefined for a file that none of them names. */
export function parseKey(key: string): ParsedKey | undefined {
  if (incoming.test(key)) return { part: "incoming" };
  const asOriginal = original.exec(key);
  if (asOriginal) {
    const [, kind, folder, id] = asOriginal;
    return isHome(folder, id) ? { part: "original", kind: kind as PhotoKind, id } : undefined;
  }
  const [, folder, id, preview, shared] = derivative.exec(key) ?? [];
  if (!isHome(folder, id)) return undefined;
  if (shared) return { part: "shared-copy", id };
  return { part: preview ? "preview" : "thumbnail", id };
}

function isHome(folder: string | undefined, id: string | undefined): id is string {
  return id !== undefined && uuid.test(id) && folder === id.slice(-2);
}

function fanned(id: string): string {
  const lower = id.toLowerCase();
  if (!uuid.test(lower)) throw new Error("not a photo id");
  // The last two characters: the first ones of a UUIDv7 are the time, and would fill one folder a day.
  return `${lower.slice(-2)}/${lower}`;
}
