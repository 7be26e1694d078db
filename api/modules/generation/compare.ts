import { type Static, t } from "elysia";
import { listPhotosById } from "#db/queries/photos/photo-lookup";
import { type FieldFault, invalid, notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import { isUuid } from "../../fields/ids";
import { differingParameters } from "../photos/differing-parameters";
import { findRecordedModels } from "../photos/recorded-models";

const maxPhotos = 20;

export const compareQuery = t.Object({
  ids: t.Union([t.String(), t.Array(t.String())], {
    description: `The ids of 2 to ${maxPhotos} photos, separated by commas or each with its own \`ids=\``,
  }),
});

export const compareSchema = t.Object(
  {
    photo_ids: t.Array(t.String({ format: "uuid" })),
    parameters: t.Array(
      t.Object({
        name: t.String({ description: "As in `generation_metadata`, or `references`" }),
        values: t.Array(t.Any(), {
          description: "One value for each photo, in the order of photo_ids; null if it has none",
        }),
      }),
    ),
  },
  { title: "Comparison" },
);

/**
 * The recorded parameters in which photos differ. Each photo appears once, in the order requested.
 * @throws AppError validation_error; not_found with the path of an unknown id
 */
export async function comparePhotos(
  { database }: Pick<ApiDeps, "database">,
  given: string | string[],
): Promise<Static<typeof compareSchema>> {
  const ids = readIds(given);
  const found = new Map((await listPhotosById(database.db, ids)).map((photo) => [photo.id, photo]));
  const photos = ids.map((id, at) => {
    const photo = found.get(id);
    if (photo) return photo;
    throw notFound("photo", `ids.${at}`);
  });
  const models = await findRecordedModels(database.db, photos);
  return { photo_ids: ids, parameters: differingParameters(photos, models) };
}

function readIds(given: string | string[]): string[] {
  const texts = [given].flat().flatMap((text) => text.split(","));
  const ids = [...new Set(texts.map((text) => text.trim().toLowerCase()))];
  const wrong: FieldFault[] = ids.flatMap((id, at) =>
    isUuid(id) ? [] : [{ path: `ids.${at}`, message: "a UUID" }],
  );
  if (wrong.length > 0) throw invalid("Each of ids must be a UUID.", wrong);
  if (ids.length >= 2 && ids.length <= maxPhotos) return ids;
  throw invalid(`Name 2 to ${maxPhotos} different photos.`, [
    { path: "ids", message: `2 to ${maxPhotos} different ids` },
  ]);
}
