import { t } from "elysia";
import type { Json } from "#recipes/recipe";
import type { ApiDeps } from "../../deps";
import { referencesFromWire } from "../../fields/references";
import { faults } from "../../http/error-body";
import { createIdempotency } from "../../http/idempotency";
import { createModule } from "../../http/module";
import { comparePhotos, compareQuery, compareSchema } from "./compare";
import { toOverrides } from "./parameters-model";
import { toSchedule } from "./schedule-model";
import { variationBody, variationSchema } from "./variation-model";
import { showFirstStep } from "./show-first-step";
import { checkVariation, requestVariation } from "./variations";

/** Variations of a photo, and the comparison of photos. */
export function createVariationRoutes(deps: ApiDeps) {
  return createModule({ prefix: "/api/v1", tags: ["generation"] })
    .use(createIdempotency(deps))
    .post(
      "/photos/:id/variations",
      async ({ params, body, once, status }) => {
        const requested = body ?? {};
        const { seed, count, same_seed: sameSeed = false } = requested;
        checkVariation({ sameSeed, seed, count, maxCount: deps.config.limits.maxBatchSize });
        const schedule = toSchedule(requested, deps.now());
        const answer = await once.answer(
          {
            ...requested,
            photo: params.id,
            same_seed: sameSeed,
            // Idempotency treats null as an absent field, but here they differ.
            cleared: [requested.negative_prompt === null, requested.parameters?.vae_key === null],
          },
          async (sessionId) => {
            await requestVariation(deps, {
              sessionId,
              photoId: params.id,
              prompt: requested.prompt,
              negativePrompt: requested.negative_prompt,
              sameSeed,
              parameters: { ...toOverrides(requested.parameters ?? {}), seed, batchSize: count },
              hasParameters:
                requested.parameters !== undefined || requested.references !== undefined,
              references: requested.references && referencesFromWire(requested.references),
              schedule,
              inputs: requested.inputs as Record<string, Json> | undefined,
            });
            return { status: 202, body: await showFirstStep(deps, sessionId) };
          },
        );
        return status(202, answer.body);
      },
      {
        params: t.Object({ id: t.String({ format: "uuid" }) }),
        body: t.Optional(variationBody),
        response: { 202: variationSchema, ...faults(400, 404, 409) },
        createsOnce: true,
        detail: {
          summary:
            "More like this: open a refinement session with a first step from a photo's parameters",
          description:
            "The step uses the photo's recorded prompts and parameters. Fields of the body override them. A photo without recorded parameters becomes the source of an image to image step and needs a prompt.",
        },
      },
    )
    .get("/generation/compare", ({ query }) => comparePhotos(deps, query.ids), {
      query: compareQuery,
      response: { 200: compareSchema, ...faults(404) },
      detail: { summary: "The parameters in which photos differ" },
    });
}
