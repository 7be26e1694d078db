/** A photo as the pages show it; sizes in pixels, URLs below the link's own. */
export type PagePhoto = {
  /** Its number in the shared list, starting with 1. */
  number: number;
  width: number;
  height: number;
  /** The URL of its page; for a link to one photo, the link's page. */
  pageUrl: string;
  thumbnailUrl: string;
  previewUrl: string;
  /** null: the link does not allow downloads. */
  originalUrl: string | null;
  /** A `data:` URL to show until the picture is loaded; null: none. */
  placeholderUrl: string | null;
  /** null: it has none, or the link does not show metadata. */
  title: string | null;
};

export const usualTitle = "Shared photos";

/** The `alt` text of a photo. */
export function altOf(photo: PagePhoto, total: number): string {
  const place = total === 1 ? "Photo" : `Photo ${photo.number} of ${total}`;
  return photo.title === null ? place : `${place}: ${photo.title}`;
}
