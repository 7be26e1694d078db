import type { VNode } from "preact";
import { Head } from "./document";

/** Holds no characters that would be escaped: the page's CSP names it by its hash. */
export const goneStyle =
  ":root{color-scheme:light dark}" +
  "body{margin:0;min-height:100vh;display:grid;place-content:center;padding:2rem;text-align:center;" +
  "background:light-dark(#fbfaf8,#131416);color:light-dark(#1d1f23,#eceae6);font:1rem/1.55 system-ui,sans-serif}" +
  "h1{font-size:1.5rem;font-weight:600;letter-spacing:-.02em;margin:0 0 .5rem}" +
  "p{margin:0;color:light-dark(#5f6167,#a3a5ab)}";

/** The same page for every reason. It loads nothing, as all URLs below an invalid link answer 404. */
export function renderGonePage(): VNode {
  return (
    <html lang="en">
      <head>
        <Head title="Nothing here" />
        <style>{goneStyle}</style>
      </head>
      <body>
        <main>
          <h1>Nothing here</h1>
          <p>This link is not valid. Ask who sent it to you for a new one.</p>
        </main>
      </body>
    </html>
  );
}
