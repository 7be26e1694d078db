import type { Logger } from "pino";
import { stemsFromOwnPhoto } from "#db/queries/photos/photo-origin";
import type { Photo } from "#db/schema/photos";
import type { ShareLink } from "#db/schema/shares";
import { AppError } from "#errors";
import type { Content } from "#media/storage/content";
import { type Copies, copyVersion } from "#media/copies/copies";
import { type CopyClient, isBusy } from "#media/copies/line";
import { extensionFor, type ImageMimeType } from "#media/pictures/formats";
import { aiXmp } from "#media/rewrite/ai-xmp";
import type { StoredFile } from "#media/storage/storage";
import type { CopyFaults } from "./copy-faults";
import type { Library } from "./library";
import { findOriginal } from "./original";

/** Why a preview is sent instead of an original. `not_ready`: another request may get the original. */
export type Replaced = "missing" | "undecodable" | "too_costly" | "not_ready";

/** What a visitor receives for one photo of a link. Nothing else about its file may be revealed. */
export type OutgoingFile = Readonly<{
  /** Its length is known in advance; `bodyOf` returns the bytes. */
  content: Content;
  mimeType: string;
  /** The name for saving it. Not unique within an album. */
  name: string;
  /** Strong, with its quotes. Reveals the original's hash only when the link shows metadata. */
  etag: string;
  /** Why this is the preview although the original was requested. */
  replaced?: Replaced;
}>;

export type DownloadOptions = Readonly<{
  /** Aborted when the visitor disconnects. */
  signal?: AbortSignal;
  /** Part of a zip, whose entries cannot be retried one by one: a copy that is not ready in a minute is replaced. */
  isArchive?: boolean;
}>;

type Typed = Photo & { mimeType: ImageMimeType };

/**
 * Finds the outgoing file of an original, or the reason why there is none.
 * @param sign makes an ETag of facts that does not reveal the original's hash
 */
export function createFindOutgoing(
  { database, storage, log }: Library & Readonly<{ log: Pick<Logger, "error"> }>,
  { copies, faults, sign }: { copies: Copies; faults: CopyFaults; sign: (facts: string) => string },
) {
  async function findStripped(
    photo: Typed,
    file: StoredFile,
    client: CopyClient,
  ): Promise<OutgoingFile | Replaced> {
    const rewritten = await copies.findRewritten(photo, file, { kind: "strip" }, client);
    if (rewritten) {
      return strippedOf(rewritten, photo.mimeType, [photo.contentHash, rewritten.bytes, ""]);
    }
    const copy = (await copies.findReencoded(photo, client)) ?? "missing";
    if (typeof copy === "string") return copy;
    const { file: content, mimeType } = copy;
    const facts = [photo.contentHash, content.bytes, content.modifiedAt.toISOString()];
    return strippedOf(content, mimeType, facts);
  }

  async function strippedOf(
    content: OutgoingFile["content"],
    mimeType: ImageMimeType,
    facts: unknown[],
  ): Promise<OutgoingFile> {
    const etag = `"${sign([copyVersion, ...facts].join("\n"))}"`;
    return { content, mimeType, name: `photo.${extensionFor(mimeType)}`, etag };
  }

  async function findWithMetadata(
    photo: Typed,
    file: StoredFile,
    client: CopyClient,
  ): Promise<OutgoingFile> {
    const named = { mimeType: photo.mimeType, name: photo.filename };
    if (photo.kind === "uploaded") {
      return { ...named, content: file, etag: `"${photo.contentHash}"` };
    }
    const isComposite = await stemsFromOwnPhoto(database.db, photo.id);
    const xmp = aiXmp({ ...photo.generation, isComposite });
    const change = { kind: "stamp", xmp } as const;
    const content = (await copies.findRewritten(photo, file, change, client)) ?? file;
    const etag = `"${sign([photo.contentHash, content.bytes, xmp].join("\n"))}"`;
    return { ...named, content, etag };
  }

  return async function findOutgoing(
    link: Pick<ShareLink, "id" | "showMetadata">,
    photo: Typed,
    options: DownloadOptions,
  ): Promise<OutgoingFile | Replaced> {
    const client: CopyClient = { ...options, linkId: link.id };
    const file = await findOriginal(storage, photo);
    if (!file) {
      await faults.keep(photo.id, "missing");
      return "missing";
    }
    try {
      return link.showMetadata
        ? await findWithMetadata(photo, file, client)
        : await findStripped(photo, file, client);
    } catch (error) {
      if (options.isArchive && isBusy(error)) return "not_ready";
      if (!isStorageFault(error)) throw error;
      log.error({ photo_id: photo.id, err: error }, "an original could not be prepared");
      return "not_ready";
    }
  };
}

const isStorageFault = (error: unknown) =>
  error instanceof AppError && (error.kind === "internal" || error.kind === "storage_full");
