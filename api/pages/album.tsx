import type { VNode } from "preact";
import { Document, type SocialPreview } from "./document";
import { altOf, type PagePhoto, usualTitle } from "./page-photo";
import { shapeClass } from "./shape";

export type AlbumPage = {
  /** `/s/<key>`. */
  base: string;
  title: string | null;
  description: string | null;
  /** The photos of this page. */
  photos: PagePhoto[];
  /** The number of photos on all pages. */
  total: number;
  /** ISO 8601; null: the link does not expire. */
  expiresAt: string | null;
  hasOriginals: boolean;
  /** Whether the page of a photo lists facts about it. */
  hasDetails: boolean;
  /** A zip of all originals; null: the link does not allow downloads. */
  downloadUrl: string | null;
  pages: { number: number; count: number; earlierUrl: string | null; furtherUrl: string | null };
  social: SocialPreview | null;
};

/** The number of tiles that most screens show without scrolling; those below are loaded lazily. */
const tilesAboveFold = 12;

/** An album as rows of equal height; each picture keeps its aspect ratio. */
export function renderAlbumPage(page: AlbumPage): VNode {
  const heading = page.title ?? usualTitle;
  const where = page.pages.number > 1 ? ` (page ${page.pages.number})` : "";
  return (
    <Document base={page.base} title={`${heading}${where}`} kind="photos" social={page.social}>
      <header>
        <h1>{heading}</h1>
        {page.description && <p class="description">{page.description}</p>}
        <p class="facts">
          <span>{page.total === 1 ? "1 photo" : `${page.total} photos`}</span>
          {page.expiresAt && <Expiry at={page.expiresAt} />}
          {page.downloadUrl && (
            <a href={page.downloadUrl} download>
              Download all
            </a>
          )}
        </p>
      </header>
      {page.photos.length === 0 ? (
        <p class="empty">There are no photos here{page.total > 0 ? " any more" : " yet"}.</p>
      ) : (
        <ul
          class="grid"
          data-originals={page.hasOriginals ? "" : undefined}
          data-details={page.hasDetails ? "" : undefined}
        >
          {page.photos.map((photo, at) => (
            <Tile photo={photo} total={page.total} isBelow={at >= tilesAboveFold} />
          ))}
        </ul>
      )}
      <Pager pages={page.pages} />
    </Document>
  );
}

function Tile({ photo, total, isBelow }: { photo: PagePhoto; total: number; isBelow: boolean }) {
  return (
    <li class={shapeClass(photo)}>
      <a href={photo.pageUrl}>
        {photo.placeholderUrl && <img src={photo.placeholderUrl} alt="" />}
        <img
          src={photo.thumbnailUrl}
          width={photo.width}
          height={photo.height}
          alt={altOf(photo, total)}
          loading={isBelow ? "lazy" : undefined}
        />
      </a>
    </li>
  );
}

function Expiry({ at }: { at: string }) {
  const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeZone: "UTC" });
  return (
    <span>
      until <time datetime={at}>{day.format(new Date(at))}</time>
    </span>
  );
}

function Pager({ pages }: Pick<AlbumPage, "pages">) {
  if (pages.count < 2 && pages.number === 1) return null;
  return (
    <nav class="pager" aria-label="Pages">
      {pages.earlierUrl ? (
        <a href={pages.earlierUrl} rel="prev">
          ← Earlier
        </a>
      ) : (
        <span />
      )}
      <span>
        Page {pages.number} of {pages.count}
      </span>
      {pages.furtherUrl ? (
        <a href={pages.furtherUrl} rel="next">
          Further →
        </a>
      ) : (
        <span />
      )}
    </nav>
  );
}
