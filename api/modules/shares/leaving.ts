import { createHmac } from "node:crypto";
import { AppError } from "#errors";
import { ensureInstallation } from "#db/queries/installation";
import { stemsFromOwnPhoto } from "#db/queries/photo-origin";
import type { Photo } from "#db/schema/photos";
import type { ShareLink } from "#db/schema/shares";
import type { Content } from "#media/content";
import { extensionFor, type ImageMimeType, reencodedType } from "#media/formats";
import { inspectImage } from "#media/inspect";
import { originalKey, previewKey, thumbnailKey } from "#media/keys";
import { aiXmp } from "#media/rewrite/ai-xmp";
import { rewriteImage } from "#media/rewrite/image";
import { createSharedCopies } from "#media/shared-copy";
import type { StoredFile } from "#media/storage";
import type { ApiDeps } from "../../deps";

export type Size = "thumbnail" | "preview" | "original";

/** What leaves for one photo of a link: nothing beside this may be told of its file. */
type Leaving = Readonly<{
  /** Its length is known beforehand; `bodyOf` gives the bytes. */
  content: Content;
  mimeType: string;
  /** What it is saved as. Not unique within an album. */
  name: string;
  /** Strong, with its quotes; tells nothing of the original's hash unless metadata may be shown. */
  etag: string;
}>;

/**
 * Decides what leaves through a link: the one place for images and zips alike. The visitor has passed the gate for
 * this photo and size.
 *
 * - A thumbnail or preview is a picture of ours, which never carried anything.
 * - An original of a link with `show_metadata` leaves as it is stored, under its own name; a generated one says in
 *   XMP that it is.
 * - Without `show_metadata` it leaves under a name that says nothing, as a copy: of JPEG, PNG and WebP with the very
 *   same coded pixels, made on the fly; of other types, and of files that break their format's rules, made anew and
 *   kept in storage.
 *
 * undefined when its file is not there, or cannot be decoded where it has to be.
 */
export type FindLeaving = (
  link: Pick<ShareLink, "showMetadata">,
  photo: Photo,
  size: Size,
) => Promise<Leaving | undefined>;

/** Changed when copies come out differently, so that nobody goes on with half of an older one. */
const copyVersion = 1;

export function createFindLeaving({
  database,
  storage,
  decoding,
}: Pick<ApiDeps, "database" | "storage" | "decoding">): FindLeaving {
  const findSharedCopy = createSharedCopies(storage, decoding);
  let secret: string | undefined;

  async function findDerivative(photo: Photo, size: "thumbnail" | "preview") {
    const key = size === "thumbnail" ? thumbnailKey(photo.id) : previewKey(photo.id);
    const content = await storage.find(key);
    if (!content) return undefined;
    const changed = content.modifiedAt.getTime().toString(36);
    const etag = `"${content.bytes.toString(36)}-${changed}"`;
    return { content, mimeType: "image/webp", name: "photo.webp", etag };
  }

  async function findBareOriginal(photo: Photo, mimeType: ImageMimeType) {
    const rewritten = await findRewritten(photo, mimeType);
    const content = rewritten ?? (await findSharedCopy({ ...photo, mimeType }));
    if (!content) return undefined;
    const type = rewritten ? mimeType : reencodedType(mimeType);
    const written = rewritten ? "" : (content as StoredFile).modifiedAt.toISOString();
    const facts = [copyVersion, photo.contentHash, content.bytes, written].join("\n");
    return {
      content,
      mimeType: type,
      name: `photo.${extensionFor(type)}`,
      etag: `"${await sign(facts)}"`,
    };
  }

  async function findRewritten(photo: Photo, mimeType: ImageMimeType) {
    const key = originalKey({ ...photo, mimeType });
    const [file, header] = await Promise.all([
      storage.find(key),
      storage.withLocalFile(key, (path) => inspectImage(path, mimeType)),
    ]);
    if (!file || !header) return undefined;
    const { orientation } = header;
    return rewriteImage(file.blob, mimeType, { kind: "strip", orientation });
  }

  async function findShownOriginal(photo: Photo, mimeType: ImageMimeType) {
    const file = await storage.find(originalKey({ ...photo, mimeType }));
    if (!file) return undefined;
    const shown = { mimeType, name: photo.filename };
    if (photo.kind === "uploaded") {
      return { ...shown, content: file, etag: `"${photo.contentHash}"` };
    }
    const isComposite = await stemsFromOwnPhoto(database.db, photo.id);
    const xmp = aiXmp({ ...photo.generation, isComposite });
    const content = (await rewriteImage(file.blob, mimeType, { kind: "stamp", xmp })) ?? file;
    const etag = `"${await sign([photo.contentHash, content.bytes, xmp].join("\n"))}"`;
    return { ...shown, content, etag };
  }

  /** Keyed, so that who has a picture cannot find out by its hash whether it is this one. */
  async function sign(facts: string): Promise<string> {
    secret ??= (await ensureInstallation(database.db)).cookieSecret;
    return createHmac("sha256", secret).update(`shared copy\n${facts}`).digest("base64url");
  }

  return async function findLeaving(link, photo, size) {
    if (size !== "original") return findDerivative(photo, size);
    const mimeType = photo.mimeType as ImageMimeType | null;
    if (mimeType === null) return undefined;
    if (!link.showMetadata) return orNothing(() => findBareOriginal(photo, mimeType));
    return findShownOriginal(photo, mimeType);
  };
}

/** A picture that nothing here decodes any more is as good as gone for a stranger. */
async function orNothing<T>(find: () => Promise<T>): Promise<T | undefined> {
  try {
    return await find();
  } catch (error) {
    const isUndecodable =
      error instanceof AppError &&
      (error.kind === "unprocessable" || error.kind === "unsupported_type");
    if (isUndecodable) return undefined;
    throw error;
  }
}
