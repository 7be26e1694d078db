import { type Static, t } from "elysia";
import { listPhotosById } from "#db/queries/photo-lookup";
import { AppError, type FieldFault, invalid } from "#errors";
import type { ApiDeps } from "../../deps";
import { isUuid } from "../../ids";
import { differingParameters } from "../photos/differing-parameters";

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
        name: t.String({ description: "As in `generation_metadata`" }),
        values: t.Array(t.Any(), {
          description: "One for each photo, in the order of photo_ids; null where it has none",
        }),
      }),
    ),
  },
  { title: "Comparison" },
);

/**
 * The recorded parameters in which photos differ, each photo once, in the order asked for.
 * @throws AppError validation_error; not_found with the place of the id that names nothing
 */
export async function comparePhotos(
  { database }: Pick<ApiDeps, "database">,
  asked: string | string[],
): Promise<Static<typeof compareSchema>> {
  const ids = readIds(asked);
  const found = new Map((await listPhotosById(database.db, ids)).map((photo) => [photo.id, photo]));
  const photos = ids.map((id, at) => {
    const photo = found.get(id);
    if (photo) return photo;
    throw new AppError({
      kind: "not_found",
      code: "not_found",
      message: "There is no such photo.",
      details: { path: `ids.${at}` },
    });
  });
  return {
    photo_ids: ids,
    parameters: differingParameters(photos.map((photo) => photo.generation)),
  };
}

function readIds(asked: string | string[]): string[] {
  const texts = [asked].flat().flatMap((text) => text.split(","));
  const ids = [...new Set(texts.map((text) => text.trim().toLowerCase()))];
  const wrong: FieldFault[] = ids.flatMap((id, at) =>
    isUuid(id) ? [] : [{ path: `ids.${at}`, message: "a UUID" }],
  );
  if (wrong.length > 0) throw invalid("Name photos by their ids.", wrong);
  if (ids.length >= 2 && ids.length <= maxPhotos) return ids;
  throw invalid(`Name 2 to ${maxPhotos} different photos.`, [
    { path: "ids", message: `2 to ${maxPhotos} different ids` },
  ]);
}
