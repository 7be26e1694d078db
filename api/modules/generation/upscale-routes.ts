import { t } from "elysia";
import type { ApiDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { createIdempotency } from "../../http/idempotency";
import { createModule } from "../../http/module";
import { showFirstStep } from "./show-first-step";
import { requestUpscale } from "./upscale";
import { repaintFields, toUpscaleWish, upscaleFields } from "./upscale-body";
import { variationSchema } from "./variation-model";

const strict = { additionalProperties: false };
const uuid = t.String({ format: "uuid" });

/** Enlarging photos with an upscaling model. */
export function createUpscaleRoutes(deps: ApiDeps) {
  return createModule({ prefix: "/api/v1", tags: ["generation"] })
    .use(createIdempotency(deps))
    .post(
      "/photos/:id/upscale",
      async ({ params, body, once, status }) => {
        const answer = await once.answer({ ...body, photo: params.id }, async (sessionId) => {
          const photos = { photoId: params.id };
          await requestUpscale(deps, { sessionId, photos, ...toUpscaleWish(body) });
          return { status: 202, body: await showFirstStep(deps, sessionId) };
        });
        return status(202, answer.body);
      },
      {
        params: t.Object({ id: uuid }),
        body: t.Object({ ...upscaleFields, ...repaintFields }, strict),
        response: { 202: variationSchema, ...faults(400, 404, 409) },
        createsOnce: true,
        detail: {
          summary: "Enlarge a photo: open a refinement session with a step that upscales it",
          description:
            "The result is `scale` times as large, or has `to` pixels on its longer side. Without `creativity`, nothing is painted anew. Models: `GET /models?type=spandrel_image_to_image`.",
        },
      },
    )
    .post(
      "/photos/batch/upscale",
      async ({ body, once, status }) => {
        const { ids: photoIds } = body;
        const answer = await once.answer(body, async (sessionId) => {
          await requestUpscale(deps, { sessionId, photos: { photoIds }, ...toUpscaleWish(body) });
          return { status: 202, body: await showFirstStep(deps, sessionId) };
        });
        return status(202, answer.body);
      },
      {
        body: t.Object(
          {
            ids: t.Array(uuid, {
              minItems: 1,
              maxItems: 100,
              description: "The ids of 1 to MAX_BATCH_SIZE photos",
            }),
            ...upscaleFields,
            ...repaintFields,
          },
          strict,
        ),
        response: { 202: variationSchema, ...faults(400, 404, 409) },
        createsOnce: true,
        detail: {
          summary: "Enlarge several photos: open a session with a step of one image for each",
          description:
            "If one of them cannot be enlarged, none is. `scale` is the same for all; with `to` each gets its own. With `creativity` one main model paints all of them. The step's `pictures` has the photos in the order of its `seeds`.",
        },
      },
    );
}
