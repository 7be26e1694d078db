import { t } from "elysia";
import { notFound } from "#errors";
import { findPhotoById } from "#db/queries/photos/photo-lookup";
import { updatePhoto } from "#db/queries/photos/photos";
import { restorePhotos, trashPhotos } from "#db/queries/photos/trash";
import { takesPhotos } from "../../http/bodies/content-length";
import type { RouteDeps } from "../../deps";
import { withEarlyAnswer } from "../../http/early-answer";
import { faults } from "../../http/error-body";
import { imageDetail } from "../../http/responses/file-answer";
import { createIdempotency } from "../../http/idempotency";
import { answerJson, type List, listOf, pageOf } from "../../lists/lists";
import { createModule } from "../../http/module";
import { negotiate } from "../../http/responses/negotiate";
import { tidyTags, tidyTitle } from "../../fields/text";
import { zipDetail } from "../../http/responses/zip-answer";
import { deletePhotos, restoreSeveral, tagSeveral } from "./bulk";
import { batchRetrySchema, bulkSchema, bulkTagBody, idsBody } from "./bulk-model";
import { answerDerivative, answerDerivativeEarly, answerOriginal } from "./files";
import { lineageSchema, showLineage } from "./lineage";
import { listPhotosPage } from "./list";
import { listQuery, listQueryToFilter } from "./list-query";
import {
  deleteQuery,
  patchBody,
  type PhotoBody,
  photoParams,
  photoSchema,
  photoToWire,
  retrySchema,
  versionQuery,
} from "./model";
import { describePhoto, metadataSchema } from "./metadata";
import { purgePhotos } from "./purge";
import { answerChosenZip } from "./originals";
import { requestReproduction } from "./reproduce";
import { retryRetrieval, retryRetrievals } from "./retry";
import { showPhoto } from "./show";
import { uploadPhotos } from "./upload";
import { uploadDetail, uploadQuery, uploadSchema } from "./upload-model";

/** Routes that upload, list, read, change and delete photos, and retry retrievals. */
export function createPhotosModule(deps: RouteDeps) {
  const { db } = deps.database;
  type Asked = { params: { id: string }; query: { v?: string }; request: Request };
  const derivative = (which: "thumbnail" | "preview") =>
    withEarlyAnswer(
      (incoming, { id }) => answerDerivativeEarly(deps, incoming, which, id),
      ({ params, query, request }: Asked) =>
        answerDerivative(deps, request, which, params.id, query.v),
    );

  return createModule({
    name: "photos",
    prefix: "/api/v1/photos",
    tags: ["photos"],
  })
    .use(createIdempotency(deps))
    .get(
      "",
      async ({ query, request }) => {
        const filter = listQueryToFilter(query);
        const sort = query.sort ?? "newest";
        const list = await listPhotosPage(deps, filter, sort, pageOf(query));
        return answerJson<List<PhotoBody>>(request, list);
      },
      {
        query: listQuery,
        response: listOf(photoSchema),
        detail: { summary: "List photos, filtered and sorted" },
      },
    )
    .post(
      "",
      async ({ query, incoming, once }) => {
        const { restore = false, merge = true } = query;
        const { status, body } = await uploadPhotos(deps, incoming, once, { restore, merge });
        return Response.json(body, { status });
      },
      {
        query: uploadQuery,
        response: { ...uploadSchema, ...faults(404, 409, 413, 415, 422, 507) },
        createsOnce: true,
        detail: { ...takesPhotos, ...uploadDetail },
      },
    )
    .get(
      "/:id",
      async ({ params, query, request }) => {
        const photo = await findPhotoById(db, params.id);
        if (!photo) throw notFound("photo");
        const wanted = negotiate(request.headers.get("accept"), ["image/*", "application/json"]);
        return wanted === "image/*"
          ? answerOriginal(deps, request, photo, query.v)
          : answerJson<PhotoBody>(request, await showPhoto(deps, photo));
      },
      {
        params: photoParams,
        query: versionQuery,
        response: { 200: photoSchema, 202: photoSchema, ...faults(404, 416, 502) },
        detail: imageDetail(
          "The original file, or the photo object with Accept: application/json",
          "image/*",
        ),
      },
    )
    .get("/:id/thumbnail", derivative("thumbnail"), {
      params: photoParams,
      query: versionQuery,
      response: { 202: photoSchema, ...faults(404, 416, 502) },
      detail: imageDetail("The thumbnail: WebP, long edge up to 400 pixels"),
    })
    .get("/thumbnail/:id", derivative("thumbnail"), {
      params: photoParams,
      query: versionQuery,
      response: { 202: photoSchema, ...faults(404, 416, 502) },
      detail: imageDetail("The same as /photos/{id}/thumbnail"),
    })
    .get("/:id/preview", derivative("preview"), {
      params: photoParams,
      query: versionQuery,
      response: { 202: photoSchema, ...faults(404, 416, 502) },
      detail: imageDetail("The preview: WebP, long edge up to 1600 pixels"),
    })
    .get(
      "/:id/metadata",
      async ({ params, request }) => {
        const photo = await findPhotoById(db, params.id);
        if (!photo) throw notFound("photo");
        return answerJson<typeof metadataSchema.static>(request, await describePhoto(deps, photo));
      },
      {
        params: photoParams,
        response: { 200: metadataSchema, ...faults(404) },
        detail: {
          summary: "The metadata of a photo: file, camera, location, generation",
          description:
            "Camera, location and InvokeAI's metadata are read from the stored file. If the file has no location, that of an imported sidecar is used.",
        },
      },
    )
    .get("/:id/lineage", ({ params }) => showLineage(deps, params.id), {
      params: photoParams,
      response: { 200: lineageSchema, ...faults(404) },
      detail: { summary: "The whole refinement tree of the photo" },
    })
    .patch(
      "/:id",
      async ({ params, body }) => {
        const change = {
          ...(body.title !== undefined && { title: tidyTitle(body.title) }),
          ...(body.tags !== undefined && { tags: tidyTags(body.tags) }),
          ...(body.is_favorite !== undefined && { isFavorite: body.is_favorite }),
          ...(body.rating !== undefined && { rating: body.rating }),
        };
        const photo = await updatePhoto(db, { id: params.id, change });
        if (!photo) throw notFound("photo");
        return showPhoto(deps, photo);
      },
      {
        params: photoParams,
        body: patchBody,
        response: { 200: photoSchema, ...faults(404) },
        detail: { summary: "Change a photo's title, tags, favourite mark or rating" },
      },
    )
    .delete(
      "/:id",
      async ({ params, query }) => {
        const ids = [params.id];
        const found = query.permanent
          ? await purgePhotos(deps, ids)
          : await trashPhotos(db, { ids, now: deps.now() });
        if (found.size === 0) throw notFound("photo");
        return new Response(null, { status: 204 });
      },
      {
        params: photoParams,
        query: deleteQuery,
        response: { 204: t.Void(), ...faults(404) },
        detail: { summary: "Move a photo to the trash, or delete it for good" },
      },
    )
    .post(
      "/:id/restore",
      async ({ params }) => {
        const [photo] = await restorePhotos(db, [params.id]);
        if (!photo) throw notFound("photo");
        return photoToWire(photo);
      },
      {
        params: photoParams,
        response: { 200: photoSchema, ...faults(404) },
        detail: { summary: "Take a photo out of the trash" },
      },
    )
    .post(
      "/:id/retry",
      async ({ params, set }) => {
        set.status = 202;
        return { ...(await showPhoto(deps, await retryRetrieval(deps, params.id))), retrying: 1 };
      },
      {
        params: photoParams,
        response: { 202: retrySchema, ...faults(404, 409) },
        detail: { summary: "Retry the retrieval of a generated photo now" },
      },
    )
    .post(
      "/:id/reproduce",
      async ({ params: { id: photoId }, once, status }) => {
        const answer = await once.answer({ photo: photoId }, async (id) => ({
          status: 202,
          body: await requestReproduction(deps, { id, photoId }),
        }));
        return status(202, answer.body);
      },
      {
        params: photoParams,
        response: { 202: photoSchema, ...faults(404, 409) },
        createsOnce: true,
        detail: {
          summary: "Generate a photo again and compare the result",
          description:
            "The verdict is written to the photo's `reproduction`. The event `photo.reproduced` announces it.",
        },
      },
    )
    .post("/download", ({ body }) => answerChosenZip(deps, body.ids), {
      body: idsBody,
      response: faults(404),
      detail: zipDetail("A zip of originals; each photo appears once"),
    })
    .post(
      "/batch/delete",
      ({ body, query }) => deletePhotos(deps, body.ids, query.permanent ?? false),
      {
        query: deleteQuery,
        body: idsBody,
        response: { 200: bulkSchema },
        detail: { summary: "Move photos to the trash, or delete them for good" },
      },
    )
    .post("/batch/restore", ({ body }) => restoreSeveral(deps, body.ids), {
      body: idsBody,
      response: { 200: bulkSchema },
      detail: { summary: "Take photos out of the trash" },
    })
    .post(
      "/batch/tag",
      ({ body: { ids, tags, mode = "add" } }) => tagSeveral(deps, { ids, tags, mode }),
      {
        body: bulkTagBody,
        response: { 200: bulkSchema },
        detail: { summary: "Add, remove or replace tags of photos" },
      },
    )
    .post(
      "/batch/retry",
      async ({ body, set }) => {
        set.status = 202;
        return retryRetrievals(deps, body.ids);
      },
      {
        body: idsBody,
        response: { 202: batchRetrySchema },
        detail: { summary: "Retry the retrieval of generated photos now" },
      },
    );
}
