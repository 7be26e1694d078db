import type { VNode } from "preact";
import { Document } from "./document";

/** A photo as a page shows it; sizes in pixels, addresses below the link's own. */
type PagePhoto = {
  width: number;
  height: number;
  thumbnailUrl: string;
  previewUrl: string;
  /** null: originals are not handed out. */
  originalUrl: string | null;
  /** null: nothing is told of it. */
  caption: string | null;
};

export type SharePage = {
  /** `/s/<key>`. */
  base: string;
  title: string | null;
  description: string | null;
  photos: PagePhoto[];
  /** Null where there is no such page. */
  earlierUrl: string | null;
  furtherUrl: string | null;
};

const usualTitle = "Shared photos";

/** One photo large, or several as a grid. */
export function renderSharePage(page: SharePage): VNode {
  const heading = page.title ?? usualTitle;
  const [only] = page.photos;
  const isSingle = page.photos.length === 1 && !page.earlierUrl && !page.furtherUrl;
  return (
    <Document base={page.base} title={heading}>
      <header>
        <h1>{heading}</h1>
        {page.description && <p>{page.description}</p>}
      </header>
      {page.photos.length === 0 && <p class="empty">There is nothing here yet.</p>}
      {only && isSingle ? <Single photo={only} /> : <Grid photos={page.photos} />}
      <Turns earlierUrl={page.earlierUrl} furtherUrl={page.furtherUrl} />
    </Document>
  );
}

function Single({ photo }: { photo: PagePhoto }) {
  return (
    <figure class="single">
      <a href={photo.previewUrl}>
        <img src={photo.previewUrl} width={photo.width} height={photo.height} alt="Photo" />
      </a>
      <Caption photo={photo} />
    </figure>
  );
}

function Grid({ photos }: { photos: PagePhoto[] }) {
  return (
    <ul class="grid">
      {photos.map((photo, at) => (
        <li>
          <figure>
            <a href={photo.previewUrl}>
              <img
                src={photo.thumbnailUrl}
                width={photo.width}
                height={photo.height}
                alt={`Photo ${at + 1}`}
                loading="lazy"
                decoding="async"
              />
            </a>
            <Caption photo={photo} />
          </figure>
        </li>
      ))}
    </ul>
  );
}

function Caption({ photo: { caption, originalUrl } }: { photo: PagePhoto }) {
  if (caption === null && originalUrl === null) return null;
  return (
    <figcaption>
      {caption && <span>{caption}</span>}
      {originalUrl && <a href={originalUrl}>Original</a>}
    </figcaption>
  );
}

function Turns({ earlierUrl, furtherUrl }: Pick<SharePage, "earlierUrl" | "furtherUrl">) {
  if (earlierUrl === null && furtherUrl === null) return null;
  return (
    <nav>
      {earlierUrl && (
        <a href={earlierUrl} rel="prev">
          Back
        </a>
      )}
      {furtherUrl && (
        <a href={furtherUrl} rel="next">
          More
        </a>
      )}
    </nav>
  );
}

/** The form of a link with a password; tells nothing of what is behind it. */
export function renderPasswordPage(page: { base: string; wasWrong: boolean }): VNode {
  return (
    <Document base={page.base} title={usualTitle}>
      <form method="post" action={`${page.base}/unlock`}>
        <h1>This link has a password</h1>
        {page.wasWrong && (
          <p class="fault" role="alert">
            That is not the password.
          </p>
        )}
        <label for="password">Password</label>
        <input
          id="password"
          name="password"
          type="password"
          autocomplete="off"
          required
          autofocus
        />
        <button>Open</button>
      </form>
    </Document>
  );
}

/** Stands before a link whose visits are counted: looking at this page is none. */
export function renderOpenPage(page: { base: string; title: string | null }): VNode {
  return (
    <Document base={page.base} title={page.title ?? usualTitle}>
      <form method="post" action={`${page.base}/unlock`}>
        <h1>{page.title ?? usualTitle}</h1>
        <p>This link can be opened a limited number of times.</p>
        <button>Open</button>
      </form>
    </Document>
  );
}

/** The same for every reason there is. It loads nothing: there is nothing below such an address. */
export function renderGonePage(): VNode {
  return (
    <Document base={null} title="Nothing here">
      <h1>Nothing here</h1>
      <p>This link is not valid. Ask who sent it to you for a new one.</p>
    </Document>
  );
}
