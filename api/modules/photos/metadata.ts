import { type Static, t } from "elysia";
import type { Photo } from "#db/schema/photos";
import { originalOf, withOriginal } from "#library/original";
import { type PhotoFacts, readPhotoFacts } from "#media/metadata/photo-facts";
import type { ApiDeps } from "../../deps";
import { originalMissing } from "./files";
import { generationMetadata, generationToWire } from "./generation-metadata";
import { fileFields, fileToWire } from "./model";

const amount = t.Optional(t.Number({ exclusiveMinimum: 0 }));

export const metadataSchema = t.Object(
  {
    file: t.Object(fileFields),
    exif: t.Nullable(
      t.Object({
        camera_make: t.Optional(t.String({ examples: ["Canon"] })),
        camera_model: t.Optional(t.String({ examples: ["EOS R6"] })),
        lens: t.Optional(t.String()),
        exposure_time_seconds: amount,
        f_number: amount,
        iso: amount,
        focal_length_mm: amount,
      }),
    ),
    gps: t.Nullable(
      t.Object({
        latitude: t.Number({ minimum: -90, maximum: 90, description: "Degrees, south negative" }),
        longitude: t.Number({ minimum: -180, maximum: 180, description: "Degrees, west negative" }),
        altitude_m: t.Optional(t.Number({ description: "Above sea level; negative below it" })),
      }),
    ),
    description: t.Optional(
      t.String({ description: "From a sidecar file at import: XMP or Google's JSON" }),
    ),
    generation: t.Nullable(generationMetadata),
    invokeai: t.Nullable(
      t.Object(
        {},
        {
          additionalProperties: true,
          description: "InvokeAI's metadata as recorded in the file; not validated",
        },
      ),
    ),
  },
  { title: "PhotoMetadata" },
);

/** The body of `GET /photos/{id}/metadata`; a group without any value is null. */
export async function describePhoto(
  deps: ApiDeps,
  photo: Photo,
): Promise<Static<typeof metadataSchema>> {
  const facts = await factsOf(deps, photo);
  const { place: sidecarPlace, description } = photo.sidecar ?? {};
  const place = facts.place ?? sidecarPlace;
  return {
    file: fileToWire(photo),
    exif: facts.camera && {
      camera_make: facts.camera.make,
      camera_model: facts.camera.model,
      lens: facts.camera.lens,
      exposure_time_seconds: facts.camera.exposureTimeSeconds,
      f_number: facts.camera.fNumber,
      iso: facts.camera.iso,
      focal_length_mm: facts.camera.focalLengthMm,
    },
    gps: place
      ? {
          latitude: place.latitude,
          longitude: place.longitude,
          altitude_m: place.altitudeM,
        }
      : null,
    ...(description !== undefined && { description }),
    generation: photo.generation && generationToWire(photo.generation),
    invokeai: facts.invokeai,
  };
}

const nothing: PhotoFacts = { camera: null, place: null, invokeai: null };

/** A photo that has not been fetched, or is purged, has no file to read. */
async function factsOf({ storage }: ApiDeps, photo: Photo): Promise<PhotoFacts> {
  const original = photo.purgedAt ? undefined : originalOf(photo);
  if (!original) return nothing;
  const facts = await withOriginal(storage, original, (path) =>
    readPhotoFacts(path, original.mimeType),
  );
  if (!facts) throw originalMissing();
  return facts;
}
