import { t } from "elysia";
import type { ApiDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { createModule } from "../../http/module";
import { getMask } from "./mask";

/** Masks of steps and of the photos that they made, by content. */
export function createMaskRoutes(deps: ApiDeps) {
  return createModule({ prefix: "/api/v1/generation", tags: ["generation"] }).get(
    "/masks/:hash",
    async ({ params }) => {
      const { png, contentHash } = await getMask(deps, params.hash);
      return new Response(new Uint8Array(png), {
        headers: {
          "content-type": "image/png",
          etag: `"${contentHash}"`,
          "cache-control": "private, max-age=31536000, immutable",
        },
      });
    },
    {
      params: t.Object({ hash: t.String({ pattern: "^[0-9a-f]{64}$" }) }),
      response: faults(404),
      detail: {
        summary: "The mask of a step",
        description:
          "A grey PNG of the size in which it was given: white is painted, black is kept.",
        responses: {
          200: {
            description: "The mask",
            content: { "image/png": { schema: { type: "string", format: "binary" } } },
          },
        },
      },
    },
  );
}
