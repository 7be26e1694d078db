import { type Static, t } from "elysia";
import type { Photo } from "#db/schema/photos";
import { originalKey } from "#media/keys";
import { type PhotoFacts, readPhotoFacts } from "#media/metadata/photo-facts";
import type { ApiDeps } from "../../deps";
import { bytesGone } from "./files";
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
        altitude_m: t.Optional(t.Number({ description: "Above the sea; below it negative" })),
      }),
    ),
    generation: t.Nullable(generationMetadata),
    invokeai: t.Nullable(
      t.Object(
        {},
        {
          additionalProperties: true,
          description: "As InvokeAI recorded it in the file, unchecked",
        },
      ),
    ),
  },
  { title: "PhotoMetadata" },
);

/** The body of `GET /photos/{id}/metadata`; a group of which nothing is known is null. */
export async function describePhoto(
  deps: ApiDeps,
  photo: Photo,
): Promise<Static<typeof metadataSchema>> {
  const facts = await factsOf(deps, photo);
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
    gps: facts.place && {
      latitude: facts.place.latitude,
      longitude: facts.place.longitude,
      altitude_m: facts.place.altitudeM,
    },
    generation: photo.generation && generationToWire(photo.generation),
    invokeai: facts.invokeai,
  };
}

const nothing: PhotoFacts = { camera: null, place: null, invokeai: null };

/** A picture that is not here yet, or is gone for good, has its row alone. */
async function factsOf({ storage }: ApiDeps, photo: Photo): Promise<PhotoFacts> {
  const { mimeType } = photo;
  if (photo.retrievalStatus !== "completed" || photo.purgedAt || mimeType === null) return nothing;
  const facts = await storage.withLocalFile(originalKey({ ...photo, mimeType }), (path) =>
    readPhotoFacts(path, mimeType),
  );
  if (!facts) throw bytesGone();
  return facts;
}
