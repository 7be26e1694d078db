import type { Photo } from "#db/schema/photos";
import type { ShareLink } from "#db/schema/shares";
import { placeholderUrl } from "#media/pictures/placeholder";
import type { PagePhoto } from "../../pages/page-photo";
import { sharedPhotoToWire } from "./public-model";

/** Entries; a few megabytes at most. Decoding the placeholders would cost more than the rest of a page. */
const maxKept = 10_000;
const kept = new Map<string, string | null>();

function keptPlaceholder(thumbhash: string): string | null {
  const had = kept.get(thumbhash);
  if (had !== undefined) return had;
  const made = placeholderUrl(thumbhash);
  if (kept.size >= maxKept) kept.delete(kept.keys().next().value!);
  kept.set(thumbhash, made);
  return made;
}

/** A photo as the pages show it. Derived from the JSON form, so that a page never shows more than that. */
export function photoToPage(
  photo: Photo,
  link: ShareLink,
  at: { base: string; number: number },
): PagePhoto {
  const wire = sharedPhotoToWire(photo, link, at.base);
  return {
    number: at.number,
    width: wire.width,
    height: wire.height,
    pageUrl: link.albumId === null ? `${at.base}/` : photoPageUrl(at.base, photo.id),
    thumbnailUrl: wire.thumbnail_url,
    previewUrl: wire.preview_url,
    originalUrl: wire.original_url ?? null,
    placeholderUrl: wire.thumbhash === undefined ? null : keptPlaceholder(wire.thumbhash),
    title: wire.title ?? null,
  };
}

export const photoPageUrl = (base: string, photoId: string) => `${base}/p/${photoId}`;

/** The facts on a photo's own page, besides its title; none without `show_metadata`. */
export function factsOf(photo: Photo, link: ShareLink, base: string) {
  const wire = sharedPhotoToWire(photo, link, base);
  const made = wire.generation_metadata;
  const facts: [string, string | number | undefined][] = [
    ["Taken", wire.taken_at && dayOf(wire.taken_at)],
    ["Prompt", made?.prompt],
    ["Negative prompt", made?.negative_prompt],
    ["Model", made?.model_name],
    ["Seed", made?.seed],
    ["Tags", wire.tags?.join(", ")],
    ["File", wire.filename],
  ];
  return facts
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => ({ name, value: `${value}` }));
}

/** Formats the camera's local time, which has no zone, as a date. */
function dayOf(takenAt: string): string {
  const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeZone: "UTC" });
  return day.format(new Date(`${takenAt.slice(0, 10)}T00:00:00Z`));
}
