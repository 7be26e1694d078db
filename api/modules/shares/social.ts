import type { Photo } from "#db/schema/photos";
import type { ShareLink } from "#db/schema/shares";
import type { SocialPreview } from "../../pages/document";
import { usualTitle } from "../../pages/page-photo";
import { photoUrls } from "./public-model";

/** The longer side, in pixels, of the previews that `media/` makes. */
const previewSide = 1600;

/**
 * The preview that messengers show to everybody in a conversation: only for links without password and visit limit. Its
 * image passes the gate like any other.
 * @param at.origin the origin at which visitors reach this server
 */
export function socialOf(
  link: ShareLink,
  shown: { title: string | null; photo: Photo | undefined },
  at: { base: string; origin: string },
): SocialPreview | null {
  if (link.passwordHash !== null || link.maxViews !== null) return null;
  const title = shown.title ?? usualTitle;
  const { photo } = shown;
  if (!photo?.width || !photo.height) return { title, image: null };
  const scale = Math.min(1, previewSide / Math.max(photo.width, photo.height));
  return {
    title,
    image: {
      url: `${at.origin}${photoUrls(photo, link, at.base).preview}`,
      width: Math.round(photo.width * scale),
      height: Math.round(photo.height * scale),
    },
  };
}
