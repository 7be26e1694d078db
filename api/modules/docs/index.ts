import { createRequire } from "node:module";
import { notFound } from "#errors";
import { openRoute } from "../../http/routes";
import { createModule } from "../../http/module";

const require = createRequire(import.meta.url);

/** Swagger UI needs inline styles; scripts and everything else are loaded from this server only. */
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Photo gallery API</title>
<link rel="icon" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/start.js"></script>
</html>
`;

const start = `SwaggerUIBundle({ url: "/docs/json", dom_id: "#swagger-ui", deepLinking: true });\n`;

const assets = new Set(["swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png"]);

/** Swagger UI with its assets, and the OpenAPI document. */
export function createDocsModule(document: () => Promise<unknown>) {
  const detail = { ...openRoute, hide: true };
  return createModule({ name: "docs", prefix: "/docs", normalize: false })
    .get("", () => html(page), { detail })
    .get("/json", async () => Response.json(await document()), { detail })
    .get("/assets/start.js", () => script(start), { detail })
    .get(
      "/assets/:name",
      ({ params }) => {
        if (!assets.has(params.name)) throw notFound("file");
        const file = Bun.file(require.resolve(`swagger-ui-dist/${params.name}`));
        return new Response(file, { headers: { "cache-control": "public, max-age=86400" } });
      },
      { detail },
    );
}

function html(text: string): Response {
  return new Response(text, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": contentSecurityPolicy,
    },
  });
}

function script(text: string): Response {
  return new Response(text, { headers: { "content-type": "text/javascript; charset=utf-8" } });
}
