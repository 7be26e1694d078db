import type { VNode } from "preact";
import { Document, type SocialPreview } from "./document";
import { altOf, type PagePhoto, usualTitle } from "./page-photo";
import { shapeClass } from "./shape";

export type PhotoPage = {
  /** `/s/<key>`. */
  base: string;
  photo: PagePhoto;
  total: number;
  /** The title of the link or its album; null: none. */
  title: string | null;
  /** Other facts about the photo, to be listed below it. */
  facts: { name: string; value: string }[];
  /** The links to the album and to its neighbours; null for a link to one photo. */
  around: { albumUrl: string; earlierUrl: string | null; furtherUrl: string | null } | null;
  social: SocialPreview | null;
};

/** Pixels of the longer side; smaller photos are shown in their own size, without a frame. */
const framedFrom = 800;

/** One photo, as large as the screen allows. */
export function renderPhotoPage(page: PhotoPage): VNode {
  const { photo, around } = page;
  const place = page.total === 1 ? usualTitle : `Photo ${photo.number} of ${page.total}`;
  const heading = around ? (photo.title ?? place) : (page.title ?? photo.title ?? usualTitle);
  return (
    <Document base={page.base} title={heading} kind="photos" social={page.social}>
      {around && <Pager around={around} title={page.title ?? usualTitle} />}
      <Picture photo={photo} total={page.total} />
      <header class="beneath">
        <h1>{heading}</h1>
        <p class="facts">
          {around && photo.title && <span>{place}</span>}
          {photo.originalUrl && (
            <a href={photo.originalUrl} download>
              Download
            </a>
          )}
        </p>
        {page.facts.length > 0 && (
          <dl>
            {page.facts.map(({ name, value }) => (
              <div>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        )}
      </header>
    </Document>
  );
}

function Picture({ photo, total }: { photo: PagePhoto; total: number }) {
  const isFramed = Math.max(photo.width, photo.height) >= framedFrom;
  return (
    <div class={isFramed ? `picture ${shapeClass(photo)}` : "picture small"}>
      {isFramed && photo.placeholderUrl && <img src={photo.placeholderUrl} alt="" />}
      <img
        src={photo.previewUrl}
        width={photo.width}
        height={photo.height}
        alt={altOf(photo, total)}
      />
    </div>
  );
}

function Pager({ around, title }: { around: NonNullable<PhotoPage["around"]>; title: string }) {
  return (
    <nav class="pager" aria-label="Photos">
      <a href={around.albumUrl} class="up">
        ↑ {title}
      </a>
      <span>
        {around.earlierUrl && (
          <a href={around.earlierUrl} rel="prev">
            ← Earlier
          </a>
        )}
        {around.furtherUrl && (
          <a href={around.furtherUrl} rel="next">
            Further →
          </a>
        )}
      </span>
    </nav>
  );
}
