import type { Photo } from "#db/schema/photos";
import type { ShareLink } from "#db/schema/shares";
import { createCopies } from "#media/copies/copies";
import { createDecodeBudget, defaultBudget } from "#media/pictures/decode-budget";
import type { ImageMimeType } from "#media/pictures/formats";
import { previewKey, thumbnailKey } from "#media/storage/keys";
import { createCopyFaults } from "#library/copy-faults";
import { repairDerivatives } from "#library/derivatives";
import {
  createFindOutgoing,
  type DownloadOptions,
  type OutgoingFile,
} from "#library/stripped-copy";
import { createContentTags } from "../../http/responses/content-tag";
import type { RouteDeps } from "../../deps";
import { createSign } from "./signature";

export type Size = "thumbnail" | "preview" | "original";

/**
 * Finds the file that is sent for a photo of a link. All image routes and zips use this one function, after the visitor
 * has passed the gate for the photo and size.
 *
 * - A thumbnail or preview was made by this server and never holds metadata.
 * - An original of a link with `show_metadata` is sent as it is stored, under its own name; a generated one says in
 *   XMP that it is.
 * - Without `show_metadata` a copy without metadata is sent under a neutral name: for JPEG, PNG, WebP and GIF with
 *   identical coded pixels; for other types, and for files that break their format's rules, encoded again and kept in
 *   storage.
 * - An original that is lost, or of which no copy can be made, is replaced by its preview, and the owner is notified.
 *
 * Undefined when the photo has no file at all.
 * @throws AppError rate_limited while copies for others are being made, or when making this one takes too long
 */
export type FindOutgoingFile = (
  link: Pick<ShareLink, "id" | "showMetadata">,
  photo: Photo,
  size: Size,
  options?: DownloadOptions,
) => Promise<OutgoingFile | undefined>;

export function createFindOutgoingFile(
  deps: Pick<
    RouteDeps,
    | "installation"
    | "database"
    | "storage"
    | "pictures"
    | "decodeLimits"
    | "closing"
    | "log"
    | "now"
  >,
): FindOutgoingFile {
  const { storage, pictures, decodeLimits, closing } = deps;
  const tagOf = createContentTags();
  const sign = createSign(deps.installation);
  const faults = createCopyFaults(deps);
  const copies = createCopies({ storage, failures: faults, decodeLimits, closing });
  // Visitors have a budget of their own, so that they never delay the owner's uploads.
  const budget = createDecodeBudget({ bytes: defaultBudget.bytes, jobs: 1 });
  const visitorsLimits = { ...decodeLimits, budget };
  const findOutgoingOriginal = createFindOutgoing(deps, { copies, faults, sign });

  async function findDerivative(photo: Photo, size: "thumbnail" | "preview") {
    const key = size === "thumbnail" ? thumbnailKey(photo.id) : previewKey(photo.id);
    const content = (await pictures.find(key)) ?? (await repair(photo))?.[size];
    if (!content) return undefined;
    const etag = `"${sign(await tagOf(key, content))}"`;
    return { content, mimeType: "image/webp", name: "photo.webp", etag };
  }

  async function repair({ id, kind, mimeType }: Photo) {
    return mimeType === null
      ? undefined
      : repairDerivatives(storage, { id, kind, mimeType }, visitorsLimits);
  }

  return async function findOutgoingFile(link, photo, size, options = {}) {
    if (size !== "original") return findDerivative(photo, size);
    const mimeType = photo.mimeType as ImageMimeType | null;
    if (mimeType === null) return undefined;
    const original = await findOutgoingOriginal(link, { ...photo, mimeType }, options);
    if (typeof original !== "string") return original;
    const picture =
      (await findDerivative(photo, "preview")) ?? (await findDerivative(photo, "thumbnail"));
    return picture && { ...picture, replaced: original };
  };
}
