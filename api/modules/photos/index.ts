import { Elysia, t } from "elysia";
import { notFound } from "#errors";
import { findPhotoById } from "#db/queries/photo-lookup";
import { updatePhoto } from "#db/queries/photos";
import { restorePhotos, trashPhotos } from "#db/queries/trash";
import type { ApiDeps } from "../../deps";
import { faults } from "../../error-body";
import { imageDetail } from "../../file-answer";
import { answerOnce, createsOnce, fingerprintOf, idempotencyKeyOf } from "../../idempotency";
import { answerJson, listOf, pageOf } from "../../lists";
import { negotiate } from "../../negotiate";
import { tidyTags, tidyTitle } from "../../text";
import { zipDetail } from "../../zip-answer";
import { deletePhotos, restoreSeveral, tagSeveral } from "./bulk";
import { batchRetrySchema, bulkSchema, bulkTagBody, idsBody } from "./bulk-model";
import { answerDerivative, answerOriginal } from "./files";
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

/** Photos: taking them in, listing, showing, changing, deleting, and fetching failed ones again. */
export function createPhotosModule(deps: ApiDeps) {
  const { db } = deps.database;

  return new Elysia({
    name: "photos",
    prefix: "/api/v1/photos",
    normalize: false,
    tags: ["photos"],
  })
    .get(
      "",
      async ({ query, request }) => {
        const filter = listQueryToFilter(query);
        const sort = query.sort ?? "newest";
        return answerJson(request, await listPhotosPage(deps, filter, sort, pageOf(query)));
      },
      {
        query: listQuery,
        response: listOf(photoSchema),
        detail: { summary: "List photos, filtered and sorted" },
      },
    )
    .post(
      "",
      async ({ query, request }) => {
        const { status, body } = await uploadPhotos(deps, request, query.restore ?? false);
        return Response.json(body, { status });
      },
      {
        query: uploadQuery,
        response: { ...uploadSchema, ...faults(404, 409, 413, 415, 422, 507) },
        detail: { ...createsOnce, ...uploadDetail },
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
          : answerJson(request, await showPhoto(deps, photo));
      },
      {
        params: photoParams,
        query: versionQuery,
        response: { 200: photoSchema, 202: photoSchema, ...faults(404, 416, 502) },
        detail: imageDetail(
          "The original bytes, or with Accept: application/json the photo",
          "image/*",
        ),
      },
    )
    .get(
      "/:id/thumbnail",
      ({ params, query, request }) =>
        answerDerivative(deps, request, "thumbnail", params.id, query.v),
      {
        params: photoParams,
        query: versionQuery,
        response: { 202: photoSchema, ...faults(404, 416, 502) },
        detail: imageDetail("WebP, long edge up to 400"),
      },
    )
    .get(
      "/thumbnail/:id",
      ({ params, query, request }) =>
        answerDerivative(deps, request, "thumbnail", params.id, query.v),
      {
        params: photoParams,
        query: versionQuery,
        response: { 202: photoSchema, ...faults(404, 416, 502) },
        detail: imageDetail("The same as /photos/{id}/thumbnail"),
      },
    )
    .get(
      "/:id/preview",
      ({ params, query, request }) =>
        answerDerivative(deps, request, "preview", params.id, query.v),
      {
        params: photoParams,
        query: versionQuery,
        response: { 202: photoSchema, ...faults(404, 416, 502) },
        detail: imageDetail("WebP, long edge up to 1600"),
      },
    )
    .get(
      "/:id/metadata",
      async ({ params, request }) => {
        const photo = await findPhotoById(db, params.id);
        if (!photo) throw notFound("photo");
        return answerJson(request, await describePhoto(deps, photo));
      },
      {
        params: photoParams,
        response: { 200: metadataSchema, ...faults(404) },
        detail: {
          summary: "What is known of a photo: file, camera, place, generation",
          description: "Camera, place and InvokeAI's record are read from the stored file.",
        },
      },
    )
    .get("/:id/lineage", ({ params }) => showLineage(deps, params.id), {
      params: photoParams,
      response: { 200: lineageSchema, ...faults(404) },
      detail: { summary: "The whole refinement tree the photo stands in" },
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
        detail: { summary: "Change title, tags, favourite or rating" },
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
        detail: { summary: "Move to the trash, or delete files and content for good" },
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
        detail: { summary: "Take out of the trash" },
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
        detail: { summary: "Fetch a failed generated picture again now" },
      },
    )
    .post(
      "/:id/reproduce",
      async ({ params: { id: photoId }, request, status }) => {
        const answer = await answerOnce(
          deps,
          {
            route: "POST /api/v1/photos/:id/reproduce",
            key: idempotencyKeyOf(request),
            fingerprint: fingerprintOf({ photo: photoId }),
          },
          async (id) => ({ status: 202, body: await requestReproduction(deps, { id, photoId }) }),
        );
        return status(202, answer.body as PhotoBody);
      },
      {
        params: photoParams,
        response: { 202: photoSchema, ...faults(404, 409) },
        detail: {
          ...createsOnce,
          summary: "Make a generated picture again and compare",
          description:
            "The verdict is later in the photo's `reproduction`; the event `photo.reproduced` tells when.",
        },
      },
    )
    .post("/download", ({ body }) => answerChosenZip(deps, body.ids), {
      body: idsBody,
      response: faults(404),
      detail: zipDetail("A zip of originals, each once"),
    })
    .post(
      "/batch/delete",
      ({ body, query }) => deletePhotos(deps, body.ids, query.permanent ?? false),
      {
        query: deleteQuery,
        body: idsBody,
        response: { 200: bulkSchema },
        detail: { summary: "Move several to the trash, or delete them for good" },
      },
    )
    .post("/batch/restore", ({ body }) => restoreSeveral(deps, body.ids), {
      body: idsBody,
      response: { 200: bulkSchema },
      detail: { summary: "Take several out of the trash" },
    })
    .post(
      "/batch/tag",
      ({ body: { ids, tags, mode = "add" } }) => tagSeveral(deps, { ids, tags, mode }),
      {
        body: bulkTagBody,
        response: { 200: bulkSchema },
        detail: { summary: "Add, remove or replace tags of several" },
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
        detail: { summary: "Fetch several failed generated pictures again now" },
      },
    );
}
