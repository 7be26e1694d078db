import type { Painting } from "#generation-parameters";
import { findMask } from "#db/queries/steps/masks";
import { type PaintedParts, renderPainting } from "#media/pictures/painting";
import type { ActivityDeps } from "../deps";
import { ensureUploaded, withPhoto } from "./uploaded-source";

/** What a part of a picture is painted from: fields of a step, or of a photo that was made in this way. */
export type PaintedSource = Painting & {
  photoId: string;
  maskHash: string | null;
  /** The size at which the part is painted. */
  width: number;
  height: number;
};

/** The pictures, by role. `source` is the part that is painted. */
type Names = Record<"source" | "mask" | "base" | "blend", string> & { canvas?: string };

/** Whether only a part of a picture is painted. */
export function isPainted({ maskHash, expand }: Pick<PaintedSource, "maskHash" | "expand">) {
  return maskHash !== null || expand !== undefined;
}

/**
 * The backend's names of the pictures that a graph needs to paint a part of a photo; uploads those that the backend does
 * not have. undefined when the gallery no longer has the photo or the mask.
 */
export async function ensurePaintedParts(
  deps: ActivityDeps,
  source: PaintedSource & { backend: string },
  signal: AbortSignal,
): Promise<Names | undefined> {
  const parts = await render(deps, source);
  if (!parts) return undefined;
  const upload = (png: Uint8Array) =>
    ensureUploaded(deps, { png, backend: source.backend }, signal);
  return {
    source: await upload(parts.work),
    mask: await upload(parts.mask),
    base: await upload(parts.base),
    blend: await upload(parts.blend),
    ...(parts.canvas && { canvas: await upload(parts.canvas) }),
  };
}

async function render(
  deps: ActivityDeps,
  source: PaintedSource,
): Promise<PaintedParts | undefined> {
  const { photoId, maskHash, width, height, ...painting } = source;
  const mask = maskHash === null ? null : await findMask(deps.database.db, maskHash);
  if (mask === undefined) return undefined;
  const change = { ...painting, mask: mask?.png ?? null, work: { width, height } };
  return withPhoto(deps, photoId, (path) => renderPainting(path, change, deps.decodeLimits));
}
