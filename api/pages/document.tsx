import type { ComponentChildren, VNode } from "preact";
import { renderToString } from "preact-render-to-string";

/** The frame of every page. `base` is the link's own address; null: it loads nothing. */
export function Document(props: {
  base: string | null;
  title: string;
  children: ComponentChildren;
}): VNode {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <meta name="color-scheme" content="light dark" />
        <title>{props.title}</title>
        {props.base !== null && <link rel="stylesheet" href={`${props.base}/style`} />}
      </head>
      <body>
        <main>{props.children}</main>
      </body>
    </html>
  );
}

/** The finished page as text. Every text and attribute in it was escaped on its way. */
export function renderPage(page: VNode): string {
  return `<!doctype html>\n${renderToString(page)}\n`;
}
