import type { Photo } from "#db/schema/photos";
import type { ShareLink } from "#db/schema/shares";
import type { SocialPreview } from "../../pages/document";
import { usualTitle } from "../../pages/page-photo";
import { photoUrls } from "./public-model";

/** As `media/` derives them. */
const previewSide = 1600;

/**
 * Shown by messengers to everybody in a conversation: only of a link that needs neither a password nor a visit. The image
 * goes through the gate as any other.
 * @param at.origin where strangers reach this server
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
