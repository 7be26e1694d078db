import { t } from "elysia";
import { deleteAlbum, insertAlbum, updateAlbum } from "#db/queries/albums/albums";
import { countAlbums, findAlbumView, listAlbumViews } from "#db/queries/albums/album-views";
import { listOriginals } from "#db/queries/photos/originals";
import { albumExists } from "#db/queries/photos/photos";
import { notFound } from "#errors";
import { timeKeys, parseTimeKeys } from "../../lists/cursor";
import type { ApiDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { createIdempotency } from "../../http/idempotency";
import {
  answerJson,
  type List,
  listBody,
  listOf,
  pageOf,
  pageQuery,
  answerList,
} from "../../lists/lists";
import { tidyTitle } from "../../fields/text";
import { zipDetail } from "../../http/responses/zip-answer";
import { type PhotoBody, photoSchema, photoToWire } from "../photos/model";
import { answerOriginalsZip } from "../photos/originals";
import { createModule } from "../../http/module";
import { addPhotos, holdPhotos, movePhoto, removePhotos, tidyName } from "./changes";
import {
  albumBody,
  albumChange,
  albumParams,
  albumPhotoParams,
  albumSchema,
  albumToWire,
  moveBody,
  photoIdsBody,
} from "./model";
import { readAlbumPage } from "./photo-page";

const done = { 204: t.Void() };

/** Albums: photos in an order that the owner chooses. */
export function createAlbumsModule(deps: ApiDeps) {
  const { db } = deps.database;

  async function showAlbum(id: string) {
    const view = await findAlbumView(db, id);
    if (!view) throw notFound("album");
    return albumToWire(view);
  }

  async function add({ params, body, set }: AddRequest): Promise<void> {
    await addPhotos(deps, params.id, body.photo_ids);
    set.status = 204;
  }

  const addRoute = {
    params: albumParams,
    body: photoIdsBody,
    response: { ...done, ...faults(404) },
  };

  return createModule({
    name: "albums",
    prefix: "/api/v1/albums",
    tags: ["albums"],
  })
    .use(createIdempotency(deps))
    .get(
      "",
      async ({ query, request }) => {
        const page = pageOf(query);
        return answerList(request, page, {
          item: albumSchema,
          scope: ["albums"],
          parseKeys: parseTimeKeys,
          rows: (part) => listAlbumViews(db, part),
          keysOf: ({ createdAt: at, id }) => timeKeys({ at, id }),
          count: () => countAlbums(db),
          toWire: albumToWire,
        });
      },
      {
        query: t.Object(pageQuery()),
        response: { 200: listOf(albumSchema) },
        detail: { summary: "Albums, newest first" },
      },
    )
    .post(
      "",
      async ({ body, once, status }) => {
        const coverPhotoId = body.cover_photo_id ?? null;
        const wanted = {
          name: tidyName(body.name),
          description: tidyTitle(body.description ?? null),
          coverPhotoId,
        };
        const answer = await once.answer(wanted, async (id) => {
          await db.transaction(async (tx) => {
            if (coverPhotoId !== null) await holdPhotos(tx, [coverPhotoId], "cover_photo_id");
            await insertAlbum(tx, { id, ...wanted });
          });
          return { status: 201, body: await showAlbum(id) };
        });
        return status(201, answer.body);
      },
      {
        body: albumBody,
        response: { 201: albumSchema, ...faults(404, 409) },
        createsOnce: true,
        detail: { summary: "Create an album" },
      },
    )
    .get("/:id", ({ params }) => showAlbum(params.id), {
      params: albumParams,
      response: { 200: albumSchema, ...faults(404) },
      detail: { summary: "An album" },
    })
    .patch(
      "/:id",
      async ({ params, body }) => {
        const { name, description, cover_photo_id: coverPhotoId } = body;
        const change = {
          ...(name !== undefined && { name: tidyName(name) }),
          ...(description !== undefined && { description: tidyTitle(description) }),
          ...(coverPhotoId !== undefined && { coverPhotoId }),
        };
        await db.transaction(async (tx) => {
          if (coverPhotoId) await holdPhotos(tx, [coverPhotoId], "cover_photo_id");
          const found = await updateAlbum(tx, { albumId: params.id, change, now: deps.now() });
          if (!found) throw notFound("album");
        });
        return showAlbum(params.id);
      },
      {
        params: albumParams,
        body: albumChange,
        response: { 200: albumSchema, ...faults(404) },
        detail: { summary: "Change an album; null clears the description or the cover" },
      },
    )
    .delete(
      "/:id",
      async ({ params, set }) => {
        if (!(await deleteAlbum(db, params.id))) throw notFound("album");
        set.status = 204;
      },
      {
        params: albumParams,
        response: { ...done, ...faults(404) },
        detail: { summary: "Delete an album; its photos are kept" },
      },
    )
    .get(
      "/:id/photos",
      async ({ params, query, request }) => {
        const page = pageOf(query);
        const [isThere, photos] = await Promise.all([
          albumExists(db, params.id),
          readAlbumPage(db, page, {
            scope: ["album", params.id],
            inAlbum: { albumId: params.id, retrievedOnly: false },
          }),
        ]);
        if (!isThere) throw notFound("album");
        const items = photos.rows.map(({ photo }) => photoToWire(photo));
        return answerJson<List<PhotoBody>>(request, listBody(page, photos, items));
      },
      {
        params: albumParams,
        query: t.Object(pageQuery()),
        response: { 200: listOf(photoSchema), ...faults(404) },
        detail: { summary: "An album's photos, in album order" },
      },
    )
    .get(
      "/:id/download",
      async ({ params }) => {
        const { name } = await showAlbum(params.id);
        const photos = await listOriginals(db, { albumId: params.id });
        return answerOriginalsZip(deps, name, photos);
      },
      {
        params: albumParams,
        response: faults(404),
        detail: zipDetail("A zip of the album's originals"),
      },
    )
    .post("/:id/photos", add, {
      ...addRoute,
      detail: { summary: "Add photos at the end of the album" },
    })
    .post("/:id/photos/batch", add, {
      ...addRoute,
      detail: { summary: "The same as POST /albums/{id}/photos" },
    })
    .delete(
      "/:id/photos",
      async ({ params, body, set }) => {
        await removePhotos(deps, params.id, body.photo_ids);
        set.status = 204;
      },
      {
        params: albumParams,
        body: photoIdsBody,
        response: { ...done, ...faults(404) },
        detail: { summary: "Remove photos from the album" },
      },
    )
    .patch(
      "/:id/photos/:photo_id",
      async ({ params, body, set }) => {
        await movePhoto(deps, {
          albumId: params.id,
          photoId: params.photo_id,
          afterPhotoId: body.after_photo_id,
        });
        set.status = 204;
      },
      {
        params: albumPhotoParams,
        body: moveBody,
        response: { ...done, ...faults(404) },
        detail: { summary: "Move a photo behind another one, or with null to the front" },
      },
    );
}

type AddRequest = {
  params: { id: string };
  body: { photo_ids: string[] };
  set: { status?: number | string };
};
