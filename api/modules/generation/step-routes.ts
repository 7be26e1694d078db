import { t } from "elysia";
import { listStepImages } from "#db/queries/generation/generated-images";
import { findSessionView } from "#db/queries/generation/session-views";
import {
  countSteps,
  findStepView,
  listStepViews,
  type StepView,
} from "#db/queries/generation/step-views";
import { invalid, notFound } from "#errors";
import { sha256Of } from "#sha256";
import { numberKey } from "../../lists/cursor";
import type { ApiDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { takesStepForm } from "../../http/bodies/step-form";
import { createIdempotency } from "../../http/idempotency";
import { listOf, pageOf, pageQuery, answerList } from "../../lists/lists";
import { createModule } from "../../http/module";
import { readStepMask } from "./mask";
import { requestRecipeStep } from "./recipe-steps";
import { readStepBody } from "./step-body";
import { readSelection, selectBody, selectedStepSchema } from "./select-body";
import {
  alternativesSchema,
  alternativeToWire,
  retrySchema,
  stepBody,
  stepChange,
  stepSchema,
  stepStatusSchema,
  stepStatusToWire,
  stepToWire,
} from "./step-model";
import { toSchedule } from "./schedule-model";
import { changeStepSchedule, isEmpty } from "./schedules";
import { selectImage } from "./selection";
import { cancelStep, requestStep, retryRetrievals, retryStep } from "./steps";

const byId = t.Object({ id: t.String({ format: "uuid" }) });

/** The largest value of the column `position`. */
const maxPosition = 2 ** 31 - 1;

/** Routes that request, read, cancel and retry steps, and select images. */
export function createStepRoutes(deps: ApiDeps) {
  const { db } = deps.database;
  const { timeZone } = deps.config;

  async function getStep(id: string): Promise<StepView> {
    const view = await findStepView(db, id);
    if (!view) throw notFound("step");
    return view;
  }

  return createModule({ prefix: "/api/v1/generation", tags: ["generation"] })
    .use(createIdempotency(deps))
    .post(
      "/sessions/:id/steps",
      async ({ params, body, incoming, once, status }) => {
        const sent = incoming.mask;
        const bytes = sent && sha256Of(sent);
        const answer = await once.answer({ session: params.id, body, bytes }, async (id) => {
          const place = { id, sessionId: params.id };
          const wanted = readStepBody(body, deps.now(), { mask: sent !== undefined });
          if (wanted.kind === "recipe") await requestRecipeStep(deps, { ...place, ...wanted });
          else {
            const mask = await readStepMask(deps, { sent, photoId: wanted.maskPhotoId });
            await requestStep(deps, { ...place, ...wanted, mask });
          }
          return { status: 202, body: stepToWire(await getStep(id), timeZone) };
        });
        return status(202, answer.body);
      },
      {
        params: byId,
        body: stepBody,
        response: { 202: stepSchema, ...faults(400, 404, 409, 413, 415, 422) },
        createsOnce: true,
        detail: {
          ...takesStepForm,
          summary: "Request images",
          description:
            "The source image is the step's own `source_image_id`, else the selected image of `parent_id`, else the session's source, else none. A step without `parent_id` has no parent.\n\nWith a `mask`, or with `expand`, only a part of the source image is painted: the result has its size, grown by `expand`, and every pixel that the mask does not touch is equal. A pixel of the mask weighs its brightness times its opacity. `width` and `height` are then the size at which the `region` is painted. To send the mask itself, send a form: this JSON as the part `step`, the picture as the part `mask`.",
        },
      },
    )
    .get(
      "/sessions/:id/steps",
      async ({ params, query, request }) => {
        const page = pageOf(query);
        if (!(await findSessionView(db, params.id))) throw notFound("session");
        return answerList(request, page, {
          item: stepSchema,
          scope: ["steps", params.id],
          parseKeys: ([position]) => numberKey(position, maxPosition),
          rows: ({ after: afterPosition, limit, offset }) =>
            listStepViews(db, { sessionId: params.id, afterPosition, limit, offset }),
          keysOf: ({ position }) => [position],
          count: () => countSteps(db, params.id),
          toWire: (step) => stepToWire(step, timeZone),
        });
      },
      {
        params: byId,
        query: t.Object(pageQuery()),
        response: { 200: listOf(stepSchema), ...faults(404) },
        detail: { summary: "The steps of a session, in order" },
      },
    )
    .get("/steps/:id", async ({ params }) => stepToWire(await getStep(params.id), timeZone), {
      params: byId,
      response: { 200: stepSchema, ...faults(404) },
      detail: { summary: "A step" },
    })
    .get(
      "/steps/:id/status",
      async ({ params }) => stepStatusToWire(await getStep(params.id), timeZone),
      {
        params: byId,
        response: { 200: stepStatusSchema, ...faults(404) },
        detail: { summary: "A step and the retrieval status of its images" },
      },
    )
    .get(
      "/steps/:id/alternatives",
      async ({ params }) => {
        const step = await getStep(params.id);
        const images = await listStepImages(db, params.id);
        return { items: images.map((photo) => alternativeToWire(photo, step.selectedImageId)) };
      },
      {
        params: byId,
        response: { 200: alternativesSchema, ...faults(404) },
        detail: { summary: "The images of a step, in the order of their seeds" },
      },
    )
    .post(
      "/steps/:id/select",
      async ({ params, body }) => {
        const finishing = await selectImage(deps, { stepId: params.id, ...readSelection(body) });
        return {
          ...stepToWire(await getStep(params.id), timeZone),
          ...(finishing !== undefined && { finishing_step_id: finishing }),
        };
      },
      {
        params: byId,
        body: selectBody,
        response: { 200: selectedStepSchema, ...faults(400, 404, 409) },
        detail: {
          summary: "Select one of a step's images, and enlarge it if that is asked for",
          description:
            "With `finish: upscale`, the session gets a further step that enlarges the image, once for each image. Without `scale` and `to`, it becomes as large as the model and the limit of 8192 pixels a side allow.",
        },
      },
    )
    .patch(
      "/steps/:id",
      async ({ params, body }) => {
        const { selected_image_id: imageId } = body;
        const schedule = toSchedule(body, deps.now());
        if (imageId !== undefined && !isEmpty(schedule)) {
          throw invalid("Select an image, or change when the step runs.", [
            {
              path: "selected_image_id",
              message: "not together with priority, not_before, window",
            },
          ]);
        }
        if (!isEmpty(schedule)) await changeStepSchedule(deps, params.id, schedule);
        else if (imageId !== undefined) {
          await selectImage(deps, { stepId: params.id, imageId, path: "selected_image_id" });
        }
        return stepToWire(await getStep(params.id), timeZone);
      },
      {
        params: byId,
        body: stepChange,
        response: { 200: stepSchema, ...faults(400, 404, 409) },
        detail: {
          summary: "Select one of a step's images, or none; or change when a waiting step runs",
        },
      },
    )
    .post(
      "/steps/:id/cancel",
      async ({ params, status }) => {
        await cancelStep(deps, params.id);
        return status(202, stepToWire(await getStep(params.id), timeZone));
      },
      {
        params: byId,
        response: { 202: stepSchema, ...faults(404, 409) },
        detail: { summary: "Cancel a step; images that exist already are kept" },
      },
    )
    .post(
      "/steps/:id/retry",
      async ({ params, status }) => {
        await retryStep(deps, params.id);
        return status(202, stepToWire(await getStep(params.id), timeZone));
      },
      {
        params: byId,
        response: { 202: stepSchema, ...faults(404, 409) },
        detail: { summary: "Run an ended step again for its missing images" },
      },
    )
    .post(
      "/steps/:id/retry-retrievals",
      async ({ params, status }) => {
        const retrying = await retryRetrievals(deps, params.id);
        return status(202, { ...stepStatusToWire(await getStep(params.id), timeZone), retrying });
      },
      {
        params: byId,
        response: { 202: retrySchema, ...faults(404) },
        detail: {
          summary:
            "Retry at once the retrieval of a step's images that failed or wait for their next attempt",
        },
      },
    );
}
