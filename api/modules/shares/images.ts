import type { Photo } from "#db/schema/photos";
import { extensionFor, type ImageMimeType } from "#media/formats";
import { originalKey, previewKey, thumbnailKey } from "#media/keys";
import { stripImage } from "#media/strip";
import { inlineAs } from "../../content-disposition";
import type { ApiDeps } from "../../deps";
import { answerFile } from "../../file-answer";
import { noSuchLink, type Visit } from "./gate";

type Deps = Pick<ApiDeps, "storage" | "decoding">;
export type Size = "thumbnail" | "preview" | "original";

/** A revoked link bites within a minute, also for pictures that are open in a browser. */
const cacheControl = "private, max-age=60";

/** A picture of a link, for a visitor who passed the gate for it. */
export async function answerImage(
  deps: Deps,
  request: Request,
  { photo, link }: Visit,
  size: Size,
): Promise<Response> {
  if (!photo) throw noSuchLink();
  if (size !== "original") return answerDerivative(deps, request, photo, size);
  return link.showMetadata
    ? answerStored(deps, request, photo)
    : answerStripped(deps, request, photo);
}

async function answerDerivative(
  { storage }: Deps,
  request: Request,
  photo: Photo,
  size: "thumbnail" | "preview",
): Promise<Response> {
  const key = size === "thumbnail" ? thumbnailKey(photo.id) : previewKey(photo.id);
  const file = await storage.find(key);
  if (!file) throw noSuchLink();
  const changed = file.modifiedAt.getTime().toString(36);
  return answerFile(request, file, {
    mimeType: "image/webp",
    etag: `"${file.bytes.toString(36)}-${changed}"`,
    cacheControl,
    headers: { "content-disposition": inlineAs("photo.webp") },
  });
}

/** The bytes as they were taken in, with all that they carry: the owner said so. */
async function answerStored({ storage }: Deps, request: Request, photo: Photo): Promise<Response> {
  const { mimeType, contentHash } = photo;
  const file =
    mimeType === null ? undefined : await storage.find(originalKey({ ...photo, mimeType }));
  if (!file || mimeType === null) throw noSuchLink();
  return answerFile(request, file, {
    mimeType,
    etag: `"${contentHash}"`,
    cacheControl,
    headers: { "content-disposition": inlineAs(photo.filename) },
  });
}

/** A copy that tells nothing but what it shows; its ETag is of its own bytes. */
async function answerStripped(
  { storage, decoding }: Deps,
  request: Request,
  photo: Photo,
): Promise<Response> {
  const mimeType = photo.mimeType as ImageMimeType | null;
  if (mimeType === null) throw noSuchLink();
  const made = await storage.withLocalFile(originalKey({ ...photo, mimeType }), (path) =>
    stripImage(path, mimeType, decoding),
  );
  if (!made) throw noSuchLink();
  const blob = new Blob([new Uint8Array(made.bytes)]);
  const hash = new Bun.CryptoHasher("sha256").update(made.bytes).digest("hex");
  const file = { bytes: blob.size, modifiedAt: new Date(), blob };
  return answerFile(request, file, {
    mimeType: made.mimeType,
    etag: `"${hash}"`,
    cacheControl,
    headers: { "content-disposition": inlineAs(`photo.${extensionFor(made.mimeType)}`) },
  });
}
