import { html, type Html, type Part } from "./html";

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
export function renderSharePage(page: SharePage): Html {
  const heading = page.title ?? usualTitle;
  const [only] = page.photos;
  const isSingle = page.photos.length === 1 && !page.earlierUrl && !page.furtherUrl;
  const body = html`
    <header>
      <h1>${heading}</h1>
      ${page.description && html`<p>${page.description}</p>`}
    </header>
    ${page.photos.length === 0 && html`<p class="empty">There is nothing here yet.</p>`}
    ${only && isSingle ? renderSingle(only) : renderGrid(page.photos)} ${renderTurns(page)}
  `;
  return layout({ base: page.base, title: heading, body });
}

function renderSingle(photo: PagePhoto): Html {
  return html`<figure class="single">
    <a href="${photo.previewUrl}"
      ><img src="${photo.previewUrl}" width="${photo.width}" height="${photo.height}" alt="Photo"
    /></a>
    ${renderCaption(photo)}
  </figure>`;
}

function renderGrid(photos: PagePhoto[]): Html {
  const items = photos.map(
    (photo, at) =>
      html`<li>
        <figure>
          <a href="${photo.previewUrl}"
            ><img
              src="${photo.thumbnailUrl}"
              width="${photo.width}"
              height="${photo.height}"
              alt="Photo ${at + 1}"
              loading="lazy"
              decoding="async"
          /></a>
          ${renderCaption(photo)}
        </figure>
      </li>`,
  );
  return html`<ul class="grid">
    ${items}
  </ul>`;
}

function renderCaption({ caption, originalUrl }: PagePhoto): Part {
  if (caption === null && originalUrl === null) return null;
  return html`<figcaption>
    ${caption && html`<span>${caption}</span>`}
    ${originalUrl && html`<a href="${originalUrl}">Original</a>`}
  </figcaption>`;
}

function renderTurns({ earlierUrl, furtherUrl }: SharePage): Part {
  if (earlierUrl === null && furtherUrl === null) return null;
  return html`<nav>
    ${earlierUrl && html`<a href="${earlierUrl}" rel="prev">Back</a>`}
    ${furtherUrl && html`<a href="${furtherUrl}" rel="next">More</a>`}
  </nav>`;
}

/** The form of a link with a password; tells nothing of what is behind it. */
export function renderPasswordPage(page: { base: string; wasWrong: boolean }): Html {
  const body = html`
    <form method="post" action="${page.base}/unlock">
      <h1>This link has a password</h1>
      ${page.wasWrong && html`<p class="fault" role="alert">That is not the password.</p>`}
      <label for="password">Password</label>
      <input id="password" name="password" type="password" autocomplete="off" required autofocus />
      <button>Open</button>
    </form>
  `;
  return layout({ base: page.base, title: usualTitle, body });
}

/** Stands before a link whose visits are counted: looking at this page is none. */
export function renderOpenPage(page: { base: string; title: string | null }): Html {
  const body = html`
    <form method="post" action="${page.base}/unlock">
      <h1>${page.title ?? usualTitle}</h1>
      <p>This link can be opened a limited number of times.</p>
      <button>Open</button>
    </form>
  `;
  return layout({ base: page.base, title: page.title ?? usualTitle, body });
}

/** The same for every reason there is. It loads nothing: there is nothing below such an address. */
export function renderGonePage(): Html {
  return layout({
    base: null,
    title: "Nothing here",
    body: html`<h1>Nothing here</h1>
      <p>This link is not valid. Ask who sent it to you for a new one.</p>`,
  });
}

function layout(page: { base: string | null; title: string; body: Html }): Html {
  return html`<html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="robots" content="noindex" />
      <meta name="color-scheme" content="light dark" />
      <title>${page.title}</title>
      ${page.base !== null && html`<link rel="stylesheet" href="${page.base}/style" />`}
    </head>
    <body>
      <main>${page.body}</main>
    </body>
  </html>`;
}
