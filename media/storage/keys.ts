import {
  extensionFor,
  type ImageMimeType,
  reencodedType,
  reencodedTypes,
} from "../pictures/formats";

export type PhotoKind = "uploaded" | "generated";

/** The fields of a photo that determine its original's place in storage. */
export type OriginalRef = Readonly<{ kind: PhotoKind; id: string; mimeType: string }>;

/** The top folders of all keys; the sweep walks exactly these. */
export const areas = ["photos/uploaded", "photos/generated", "photos/thumbnails"] as const;
export type Area = (typeof areas)[number];

/** Names below an area that no photo can have: unfinished and quarantined files. */
export const incomingFolder = ".incoming";
export const quarantineFolder = ".quarantine";

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const original = /^photos\/(uploaded|generated)\/([0-9a-f]{2})\/([0-9a-f-]{36})\.[a-z]{3,4}$/;
const derivative =
  /^photos\/thumbnails\/([0-9a-f]{2})\/([0-9a-f-]{36})(?:(\.preview)?\.webp|(\.shared)\.[a-z]{3,4}|(\.strip|\.stamp)\.json)$/;
const incoming = /^photos\/(?:uploaded|generated|thumbnails)\/\.incoming\/[^/]+\.part$/;

/** `photos/uploaded/ab/<id>.jpg`: the untouched original. */
export function originalKey(photo: OriginalRef): string {
  return `photos/${photo.kind}/${fanned(photo.id)}.${extensionFor(photo.mimeType)}`;
}

/** Depends on the id alone, so that a thumbnail is served without reading a row. */
export function thumbnailKey(id: string): string {
  return `photos/thumbnails/${fanned(id)}.webp`;
}

export function previewKey(id: string): string {
  return `photos/thumbnails/${fanned(id)}.preview.webp`;
}

/**
 * A re-encoded copy of an original, for visitors; it can be recreated.
 * @param copyType one of `reencodedTypes`; most types have only one
 */
export function sharedCopyKey(
  photo: Pick<OriginalRef, "id" | "mimeType">,
  copyType: ImageMimeType = reencodedType(photo.mimeType as ImageMimeType, false),
): string {
  return `photos/thumbnails/${fanned(photo.id)}.shared.${extensionFor(copyType)}`;
}

/** The pieces of an original's copy; `change` as in `CopyChange`. It can be recreated. */
export function copyPlanKey(id: string, change: "strip" | "stamp"): string {
  return `photos/thumbnails/${fanned(id)}.${change}.json`;
}

/** Every key that a re-encoded copy of this original may have. */
export function sharedCopyKeys(photo: Pick<OriginalRef, "id" | "mimeType">): string[] {
  return reencodedTypes(photo.mimeType as ImageMimeType).map((type) => sharedCopyKey(photo, type));
}

/** The area for new originals of this kind. */
export function areaOf(kind: PhotoKind): Area {
  return `photos/${kind}`;
}

export type ParsedKey =
  | { part: "original"; kind: PhotoKind; id: string }
  | { part: "thumbnail" | "preview" | "shared-copy" | "copy-plan"; id: string }
  | { part: "incoming" };

/** The inverse of the functions above; undefined for a file that none of them produces. */
export function parseKey(key: string): ParsedKey | undefined {
  if (incoming.test(key)) return { part: "incoming" };
  const asOriginal = original.exec(key);
  if (asOriginal) {
    const [, kind, folder, id] = asOriginal;
    return isHome(folder, id) ? { part: "original", kind: kind as PhotoKind, id } : undefined;
  }
  const [, folder, id, preview, shared, plan] = derivative.exec(key) ?? [];
  if (!isHome(folder, id)) return undefined;
  if (plan) return { part: "copy-plan", id };
  if (shared) return { part: "shared-copy", id };
  return { part: preview ? "preview" : "thumbnail", id };
}

function isHome(folder: string | undefined, id: string | undefined): id is string {
  return id !== undefined && uuid.test(id) && folder === id.slice(-2);
}

function fanned(id: string): string {
  const lower = id.toLowerCase();
  if (!uuid.test(lower)) throw new Error("not a photo id");
  // The last two characters: a UUIDv7 begins with the time, which would put a day's files into one folder.
  return `${lower.slice(-2)}/${lower}`;
}
