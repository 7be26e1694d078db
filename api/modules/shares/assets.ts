import { sha256Of } from "#sha256";
import { shapeRules } from "../../pages/shape";
import { isKnown } from "../../lists/lists";

/** A style sheet or script that every page loads. */
export type PageAsset = { text: string; etag: string; type: string };

const folder = new URL("../../pages/", import.meta.url);

/** The style sheet and the script of the pages; each is built once, on first request. */
export function createPageAssets(): Record<"style" | "script", () => Promise<PageAsset>> {
  let style: Promise<PageAsset> | undefined;
  let script: Promise<PageAsset> | undefined;
  return {
    style: () => (style ??= makeStyle()),
    script: () => (script ??= makeScript()),
  };
}

/** Cached for a minute only, so that nothing of a revoked link stays usable for longer; then revalidated by ETag. */
export function answerAsset(request: Request, asset: PageAsset): Response {
  const headers = { etag: asset.etag, "cache-control": "private, max-age=60" };
  if (isKnown(request.headers.get("if-none-match"), asset.etag)) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(asset.text, { headers: { ...headers, "content-type": asset.type } });
}

async function makeStyle(): Promise<PageAsset> {
  const sheets = await Promise.all(
    ["share.css", "lightbox.css"].map((name) => Bun.file(new URL(name, folder)).text()),
  );
  return assetOf([shapeRules(), ...sheets].join("\n"), "text/css");
}

async function makeScript(): Promise<PageAsset> {
  const built = await Bun.build({
    entrypoints: [new URL("browser/main.ts", folder).pathname],
    target: "browser",
    minify: true,
  });
  const text = await built.outputs[0]?.text();
  if (text === undefined) throw new Error("the script of the pages was not built");
  return assetOf(text, "text/javascript");
}

function assetOf(text: string, type: string): PageAsset {
  const hash = sha256Of(text, "base64url");
  return { text, etag: `"${hash}"`, type: `${type}; charset=utf-8` };
}
