import type { ComponentChildren, VNode } from "preact";
import { renderToString } from "preact-render-to-string";

/** The preview that a messenger shows for a link. URLs are absolute. */
export type SocialPreview = {
  title: string;
  /** null: there is no photo to show yet. */
  image: { url: string; width: number; height: number } | null;
};

const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3' fill='%23456'/%3E%3Cpath d='M2 13l4-6 3 4 2-2 3 4z' fill='%23fff'/%3E%3C/svg%3E";

/** The frame of every page of a link. `base` is the link's path; style and script are below it. */
export function Document(props: {
  base: string;
  title: string;
  /** The layout: a form is narrower than photos. */
  kind: "photos" | "form";
  social?: SocialPreview | null;
  children: ComponentChildren;
}): VNode {
  const { base, title, kind } = props;
  return (
    <html lang="en">
      <head>
        <Head title={title} />
        {props.social && <SocialTags {...props.social} />}
        <link rel="stylesheet" href={`${base}/style`} />
        {kind === "photos" && <script type="module" src={`${base}/script`} />}
      </head>
      <body class={kind}>
        <main>{props.children}</main>
      </body>
    </html>
  );
}

/** The `head` elements of every page; they load nothing from the server. */
export function Head({ title }: { title: string }) {
  return (
    <>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="robots" content="noindex" />
      <meta name="color-scheme" content="light dark" />
      <title>{title}</title>
      <link rel="icon" href={icon} />
    </>
  );
}

function SocialTags({ title, image }: SocialPreview) {
  return (
    <>
      <meta property="og:type" content="website" />
      <meta property="og:title" content={title} />
      <meta name="twitter:card" content={image ? "summary_large_image" : "summary"} />
      {image && (
        <>
          <meta property="og:image" content={image.url} />
          <meta property="og:image:type" content="image/webp" />
          <meta property="og:image:width" content={`${image.width}`} />
          <meta property="og:image:height" content={`${image.height}`} />
        </>
      )}
    </>
  );
}

/** Renders a page; all texts and attributes are escaped. */
export function renderPage(page: VNode): string {
  return `<!doctype html>\n${renderToString(page)}\n`;
}
