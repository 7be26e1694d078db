import type { Photo } from "#db/schema/photos";
import type { ShareLink } from "#db/schema/shares";
import { placeholderUrl } from "#media/placeholder";
import type { PagePhoto } from "../../pages/page-photo";
import { sharedPhotoToWire } from "./public-model";

/** A few megabytes at most; decoding anew costs a page more than all the rest of it. */
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

/** A photo as the pages show it: no more than what a program is told of it, in one place for both. */
export function photoToPage(
  photo: Photo,
  link: ShareLink,
  at: { base: string; number: number },
): PagePhoto {
  const told = sharedPhotoToWire(photo, link, at.base);
  return {
    number: at.number,
    width: told.width,
    height: told.height,
    pageUrl: link.albumId === null ? `${at.base}/` : photoPageUrl(at.base, photo.id),
    thumbnailUrl: told.thumbnail_url,
    previewUrl: told.preview_url,
    originalUrl: told.original_url ?? null,
    placeholderUrl: told.thumbhash === undefined ? null : keptPlaceholder(told.thumbhash),
    title: told.title ?? null,
  };
}

export const photoPageUrl = (base: string, photoId: string) => `${base}/p/${photoId}`;

/** What a photo's own page tells besides its title; nothing without `show_metadata`. */
export function factsOf(photo: Photo, link: ShareLink, base: string) {
  const told = sharedPhotoToWire(photo, link, base);
  const made = told.generation_metadata;
  const facts: [string, string | number | undefined][] = [
    ["Taken", told.taken_at && dayOf(told.taken_at)],
    ["Prompt", made?.prompt],
    ["Negative prompt", made?.negative_prompt],
    ["Model", made?.model_name],
    ["Seed", made?.seed],
    ["Tags", told.tags?.join(", ")],
    ["File", told.filename],
  ];
  return facts
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => ({ name, value: `${value}` }));
}

/** The camera's wall clock, which has no zone, as a date. */
function dayOf(takenAt: string): string {
  const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeZone: "UTC" });
  return day.format(new Date(`${takenAt.slice(0, 10)}T00:00:00Z`));
}
