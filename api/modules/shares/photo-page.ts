import type { VNode } from "preact";
import { countAlbumPhotos } from "#db/queries/albums/album-photos";
import { findSharedNeighbours } from "#db/queries/shares/shared-neighbours";
import { findSharedAlbum } from "#db/queries/shares/shares";
import type { Photo } from "#db/schema/photos";
import type { ShareLink } from "#db/schema/shares";
import { renderPhotoPage } from "../../pages/photo";
import type { ApiDeps } from "../../deps";
import { pageUrlOfPhoto } from "./album-page";
import { noSuchLink } from "./gate";
import { factsOf, photoPageUrl, photoToPage } from "./page-photos";
import { socialOf } from "./social";

/** The page of a link to one photo. */
export function buildSinglePage(
  link: ShareLink,
  photo: Photo,
  at: { base: string; origin: string },
): VNode {
  const { base } = at;
  return renderPhotoPage({
    base,
    photo: photoToPage(photo, link, { base, number: 1 }),
    total: 1,
    title: link.title,
    facts: factsOf(photo, link, base),
    around: null,
    social: socialOf(link, { title: link.title, photo }, at),
  });
}

/** The page of a photo of an album, with links to the next and previous photo. */
export async function buildPhotoPage(
  { database: { db } }: Pick<ApiDeps, "database">,
  { link, albumId, photo }: { link: ShareLink; albumId: string; photo: Photo },
  base: string,
): Promise<VNode> {
  const [place, total, album] = await Promise.all([
    findSharedNeighbours(db, { albumId, photoId: photo.id }),
    countAlbumPhotos(db, { albumId, retrievedOnly: true, bound: null }),
    findSharedAlbum(db, albumId),
  ]);
  if (!place) throw noSuchLink();
  const urlOf = (id: string | null) => (id === null ? null : photoPageUrl(base, id));
  return renderPhotoPage({
    base,
    photo: photoToPage(photo, link, { base, number: place.number }),
    total,
    title: link.title ?? album?.name ?? null,
    facts: factsOf(photo, link, base),
    around: {
      albumUrl: pageUrlOfPhoto(base, place.number),
      earlierUrl: urlOf(place.previousId),
      furtherUrl: urlOf(place.nextId),
    },
    social: null,
  });
}
