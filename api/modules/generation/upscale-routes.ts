import { t } from "elysia";
import type { ApiDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { createIdempotency } from "../../http/idempotency";
import { createModule } from "../../http/module";
import { showFirstStep } from "./show-first-step";
import { maxUpscaledSide, requestUpscale } from "./upscale";
import { variationSchema } from "./variation-model";

const upscaleBody = t.Object(
  {
    scale: t.Optional(
      t.Number({ description: "Above 1, up to the factor of the model, which is usually 4" }),
    ),
    to: t.Optional(
      t.Integer({
        description: `In place of scale: the pixels of the result's longer side, at most ${maxUpscaledSide}`,
      }),
    ),
    model_key: t.Optional(
      t.String({
        minLength: 1,
        maxLength: 200,
        description: "An upscaling model. Default: the first by name",
      }),
    ),
  },
  { additionalProperties: false },
);

/** Enlarging photos with an upscaling model. */
export function createUpscaleRoutes(deps: ApiDeps) {
  return createModule({ prefix: "/api/v1", tags: ["generation"] })
    .use(createIdempotency(deps))
    .post(
      "/photos/:id/upscale",
      async ({ params, body, once, status }) => {
        const answer = await once.answer({ ...body, photo: params.id }, async (sessionId) => {
          const { scale, to, model_key: modelKey } = body;
          await requestUpscale(deps, { sessionId, photoId: params.id, scale, to, modelKey });
          return { status: 202, body: await showFirstStep(deps, sessionId) };
        });
        return status(202, answer.body);
      },
      {
        params: t.Object({ id: t.String({ format: "uuid" }) }),
        body: upscaleBody,
        response: { 202: variationSchema, ...faults(400, 404, 409) },
        createsOnce: true,
        detail: {
          summary: "Enlarge a photo: open a refinement session with a step that upscales it",
          description:
            "The result is `scale` times as large, or has `to` pixels on its longer side. Nothing is painted anew. Models: `GET /models?type=spandrel_image_to_image`.",
        },
      },
    );
}
