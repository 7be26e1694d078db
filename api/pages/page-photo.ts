/** A photo as the pages show it; sizes in pixels, addresses below the link's own. */
export type PagePhoto = {
  /** Its place in what is shared, from 1. */
  number: number;
  width: number;
  height: number;
  /** Its page; that of a link to one photo is the link's. */
  pageUrl: string;
  thumbnailUrl: string;
  previewUrl: string;
  /** null: originals are not handed out. */
  originalUrl: string | null;
  /** A `data:` address to show until the picture is there; null: none. */
  placeholderUrl: string | null;
  /** null: it has none, or nothing is told of it. */
  title: string | null;
};

export const usualTitle = "Shared photos";

/** What is read out in the picture's place. */
export function altOf(photo: PagePhoto, total: number): string {
  const place = total === 1 ? "Photo" : `Photo ${photo.number} of ${total}`;
  return photo.title === null ? place : `${place}: ${photo.title}`;
}
