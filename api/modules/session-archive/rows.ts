import type { ImportedSession, PhotoLink } from "#db/queries/session-import";
import type { NewPhoto, GenerationMetadata } from "#db/schema/photos";
import type { StepParameters } from "#db/schema/steps";
import { uploadedPhoto } from "#db/uploaded-photo";
import { displayName } from "#media/filename";
import type { IngestedImage } from "#media/ingest";
import { tidyTags, tidyTitle } from "../../text";
import type { DocumentPhoto, DocumentStep, SessionDocument } from "./format";
import type { Plan } from "./plan";

/** What an archive's pictures turned out to be, by photo. */
export type Pictures = ReadonlyMap<string, Omit<IngestedImage, "thumbnail" | "preview">>;

/**
 * The rows of an archive. A session is closed once it is here, whatever it was: nobody would run what it waits for.
 */
export function documentToRows(
  document: SessionDocument,
  plan: Plan,
  pictures: Pictures,
  now: Date,
): ImportedSession {
  const { session, steps } = document;
  const idOf = (id: string) => plan.aliases.get(id) ?? id;
  const optionalId = (id: string | undefined) => (id === undefined ? null : idOf(id));
  const stepOf = new Map(
    steps.flatMap((step) => step.slots.map((slot) => [slot.photo_id, step] as const)),
  );
  const rowOf = (photo: DocumentPhoto) =>
    photoRow(photo, stepOf.get(photo.id), pictures.get(photo.id), now);
  const isActive = session.status === "active";
  return {
    session: {
      id: session.id,
      entryType: session.entry_type,
      sourceImageId: optionalId(session.source_image_id),
      title: tidyTitle(session.title ?? null),
      status: isActive ? "completed" : session.status,
      startedAt: new Date(session.started_at),
      completedAt: isActive ? now : new Date(session.completed_at!),
    },
    steps: steps.map((step) => ({
      id: step.id,
      sessionId: session.id,
      position: step.position,
      parentId: step.parent_id ?? null,
      sourceImageId: optionalId(step.source_image_id),
      prompt: step.prompt,
      negativePrompt: step.negative_prompt ?? null,
      parameters: camelCased<StepParameters>(step.parameters),
      modelKey: step.model_key,
      modelHash: step.model_hash,
      modelName: step.model_name,
      correlationId: step.correlation_id,
      batchSize: step.slots.length,
      status: step.status,
      error: step.error ?? null,
      selectedImageId: optionalId(step.selected_image_id),
      costUsd: step.cost_usd ?? null,
      createdAt: new Date(step.created_at),
      startedAt: step.started_at === undefined ? null : new Date(step.started_at),
      completedAt: new Date(step.completed_at),
    })),
    slots: steps.flatMap((step) =>
      step.slots.map((slot) => ({
        stepId: step.id,
        index: slot.index,
        seed: slot.seed,
        status: slot.status,
        photoId: slot.photo_id ?? null,
        error: slot.error ?? null,
      })),
    ),
    photos: plan.fresh.map(rowOf),
    refilled: plan.refilled.map(rowOf),
    links: linksOf(document, idOf),
    restored: plan.restored,
  };
}

function linksOf(document: SessionDocument, idOf: (id: string) => string): PhotoLink[] {
  const { session, steps, lineage, photos } = document;
  const places = new Map(
    steps.flatMap((step) =>
      step.slots.map(({ photo_id, index }) => [photo_id, { stepId: step.id, index }] as const),
    ),
  );
  // A variation's edge follows from the session's source.
  const sources = new Map(
    lineage.filter(({ kind }) => kind !== "variation").map(({ from, to }) => [to, idOf(from)]),
  );
  return photos.map(({ id }) => {
    const place = places.get(id);
    return {
      id: idOf(id),
      sessionId: place ? session.id : null,
      stepId: place?.stepId ?? null,
      slotIndex: place?.index ?? null,
      sourceImageId: sources.get(id) ?? null,
    };
  });
}

function photoRow(
  photo: DocumentPhoto,
  step: DocumentStep | undefined,
  picture: Omit<IngestedImage, "thumbnail" | "preview"> | undefined,
  now: Date,
): NewPhoto {
  const { id, kind } = photo;
  const createdAt = new Date(photo.created_at);
  if (photo.absent === "deleted") {
    // As a purge leaves a place that a lineage needs.
    const gone = { deletedAt: now, purgedAt: now };
    return { id, kind, filename: "", createdAt, retrievalStatus: "completed", ...gone };
  }
  const owners = {
    id,
    filename: displayName(photo.filename, "photo"),
    createdAt,
    title: tidyTitle(photo.title ?? null),
    tags: tidyTags(photo.tags),
    isFavorite: photo.is_favorite,
    rating: photo.rating ?? null,
  };
  if (kind === "uploaded") return { ...owners, ...uploadedPhoto({ ...owners, image: picture! }) };
  const generated = {
    ...owners,
    kind,
    generation: generationRow(photo, step),
    costUsd: photo.cost_usd ?? null,
  };
  if (!picture) {
    const retrievalError = "The image had not been fetched when its session was exported.";
    return { ...generated, retrievalStatus: "failed", retrievalError };
  }
  return {
    ...generated,
    mimeType: picture.mimeType,
    width: picture.width,
    height: picture.height,
    fileSize: picture.bytes,
    contentHash: picture.sha256,
    thumbhash: picture.thumbhash,
    retrievalStatus: "completed",
  };
}

/** The prompt of the session's own images stands at their step. */
function generationRow(
  { generation_metadata: made }: DocumentPhoto,
  step: DocumentStep | undefined,
): GenerationMetadata | null {
  if (!made) return null;
  const prompts = step && { prompt: step.prompt, negativePrompt: step.negative_prompt };
  return { ...camelCased<GenerationMetadata>(made), ...prompts };
}

/**
 * The routes' words as the rows have them, without a list of fields that a new one would be missing from. The schema
 * has let nothing else in, so that the cast holds.
 */
function camelCased<Row>(value: unknown): Row {
  if (Array.isArray(value)) return value.map(camelCased) as Row;
  if (typeof value !== "object" || value === null) return value as Row;
  const toCamel = (name: string) => name.replaceAll(/_(\w)/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [toCamel(name), camelCased(inner)]),
  ) as Row;
}
