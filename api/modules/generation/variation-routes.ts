import { Elysia, t } from "elysia";
import { listStepViews } from "#db/queries/generation-views";
import { notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import { faults } from "../../error-body";
import { answerOnce, createsOnce, fingerprintOf, idempotencyKeyOf } from "../../idempotency";
import { comparePhotos, compareQuery, compareSchema } from "./compare";
import { toOverrides } from "./parameters-model";
import { stepToWire } from "./step-model";
import { variationBody, variationSchema } from "./variation-model";
import { showSession } from "./show-session";
import { checkVariation, requestVariation } from "./variations";

/** More like a picture, and what sets pictures apart. */
export function createVariationRoutes(deps: ApiDeps) {
  const { db } = deps.database;

  async function showVariation(sessionId: string): Promise<typeof variationSchema.static> {
    const session = await showSession(deps, sessionId);
    const page = { sessionId, afterPosition: null, limit: 1, offset: 0 };
    const [step] = await listStepViews(db, page);
    if (!step) throw notFound("session");
    return { session, step: stepToWire(step) };
  }

  return new Elysia({ prefix: "/api/v1", normalize: false, tags: ["generation"] })
    .post(
      "/photos/:id/variations",
      async ({ params, body, request, status }) => {
        const asked = body ?? {};
        const { seed, count, same_seed: sameSeed = false } = asked;
        checkVariation({ sameSeed, seed, count, maxCount: deps.config.limits.maxBatchSize });
        const answer = await answerOnce(
          deps,
          {
            route: "POST /api/v1/photos/:id/variations",
            key: idempotencyKeyOf(request),
            fingerprint: fingerprintOf({
              ...asked,
              photo: params.id,
              same_seed: sameSeed,
              // Elsewhere null is like nothing said.
              cleared: [asked.negative_prompt === null, asked.parameters?.vae_key === null],
            }),
          },
          async (sessionId) => {
            await requestVariation(deps, {
              sessionId,
              photoId: params.id,
              prompt: asked.prompt,
              negativePrompt: asked.negative_prompt,
              sameSeed,
              parameters: { ...toOverrides(asked.parameters ?? {}), seed, batchSize: count },
            });
            return { status: 202, body: await showVariation(sessionId) };
          },
        );
        return status(202, answer.body as typeof variationSchema.static);
      },
      {
        params: t.Object({ id: t.String({ format: "uuid" }) }),
        body: t.Optional(variationBody),
        response: { 202: variationSchema, ...faults(400, 404, 409) },
        detail: {
          ...createsOnce,
          summary: "More like this: a session and its first step from what a photo was made with",
          description:
            "Everything the photo says of itself is recalled, and what the body says is laid over it. A photo that no model made becomes the source of an image to image step, and needs a prompt.",
        },
      },
    )
    .get("/generation/compare", ({ query }) => comparePhotos(deps, query.ids), {
      query: compareQuery,
      response: { 200: compareSchema, ...faults(404) },
      detail: { summary: "The parameters in which photos differ" },
    });
}
