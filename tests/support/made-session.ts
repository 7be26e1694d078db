import { and, eq } from "drizzle-orm";
import type { NewPhoto } from "#db/schema/photos";
import { slots, steps } from "#db/schema/steps";
import { storePicture } from "#library/keep";
import { fileColumns } from "#library/photo-row";
import type { TestApi } from "./api";
import { insertModel, insertPhoto } from "./rows";
import { pngOfShade, uploadedPhoto } from "./uploads";

type Json = Record<string, any>;

let shade = 900_000;

/** Creates a generated photo with its files, as after its retrieval. */
export async function makeGenerated(
  { deps }: TestApi,
  overrides: Partial<NewPhoto> = {},
): Promise<string> {
  const id = crypto.randomUUID();
  const bytes = await pngOfShade((shade += 1));
  await using staged = await deps.storage.stage("generated");
  const received = await staged.receive(
    (async function* () {
      yield bytes;
    })(),
    bytes.length,
  );
  const image = await storePicture(deps, { kind: "generated", id }, { staged, received });
  await insertPhoto(deps.database.db, {
    id,
    kind: "generated",
    filename: `${id}.png`,
    ...fileColumns(image),
    invokeId: `${id}.png`,
    ...overrides,
  });
  return id;
}

/** Creates a step as it is after its workflow: `images` of its slots are filled, the others failed. */
async function makeStep(
  api: TestApi,
  sessionId: string,
  body: Json,
  images: number,
): Promise<{ id: string; images: string[] }> {
  const { db } = api.deps.database;
  const response = await api.postJson(`/api/v1/generation/sessions/${sessionId}/steps`, body);
  if (!response.ok) throw new Error(await response.text());
  const { id } = (await response.json()) as Json;
  const [step] = await db.select().from(steps).where(eq(steps.id, id));
  const wanted = await db.select().from(slots).where(eq(slots.stepId, id)).orderBy(slots.index);
  const made: string[] = [];
  for (const { index, seed } of wanted) {
    const isMade = index < images;
    const photoId = isMade
      ? await makeGenerated(api, {
          sessionId,
          stepId: id,
          slotIndex: index,
          sourceImageId: step!.sourceImageId,
          generation: {
            prompt: step!.prompt,
            negativePrompt: step!.negativePrompt ?? undefined,
            modelKey: step!.modelKey,
            modelHash: step!.modelHash,
            modelName: step!.modelName,
            seed,
            steps: 20,
            cfgScale: 7,
            scheduler: "euler",
            width: 64,
            height: 48,
            strength: 0.4,
            loras: [],
          },
        })
      : null;
    const error = { code: "invokeai_generation_error", message: "Lost.", suggestion: "Retry." };
    await db
      .update(slots)
      .set(
        isMade ? { status: index === 2 ? "lost" : "filled", photoId } : { status: "failed", error },
      )
      .where(and(eq(slots.stepId, id), eq(slots.index, index)));
    if (photoId) made.push(photoId);
  }
  const now = new Date();
  await db
    .update(steps)
    .set({
      status: images === 0 ? "failed" : "completed",
      startedAt: now,
      completedAt: now,
      costUsd: 0.0125,
      ...(images === 0 && {
        error: { code: "invokeai_generation_error", message: "No.", suggestion: "Retry." },
      }),
    })
    .where(eq(steps.id, id));
  return { id, images: made };
}

/**
 * Creates a session that starts from an image generated from an upload, with a chosen image and a failed step. One
 * image is in the trash; one is a favourite with title, tags and rating.
 */
export async function makeSession(api: TestApi) {
  const { db } = api.deps.database;
  const upload = (await uploadedPhoto(api, (shade += 1), "harbour.png")).id as string;
  const source = await makeGenerated(api, {
    sourceImageId: upload,
    generation: { prompt: "a harbour", seed: 4, loras: [] },
  });
  const { key: model_key } = await insertModel(db);
  const opened = await api.postJson("/api/v1/generation/sessions", {
    entry_type: "refinement",
    source_image_id: source,
    title: "An evening",
  });
  const { id } = (await opened.json()) as Json;
  const parameters = (batch_size: number) => ({
    model_key,
    batch_size,
    strength: 0.4,
    seed: Math.floor(Math.random() * 2 ** 31),
  });
  const first = await makeStep(
    api,
    id,
    { prompt: "a lighthouse 灯台", negative_prompt: "fog", parameters: parameters(3) },
    3,
  );
  const [chosen = "", trashed = ""] = first.images;
  const select = `/api/v1/generation/steps/${first.id}/select`;
  await api.postJson(select, { image_id: chosen });
  const second = await makeStep(
    api,
    id,
    { prompt: "the same at night", parent_id: first.id, parameters: parameters(2) },
    1,
  );
  const failed = await makeStep(api, id, { prompt: "never", parameters: parameters(1) }, 0);
  const [favourite = ""] = second.images;
  const json = { "content-type": "application/json" };
  await api.request(`/api/v1/photos/${favourite}`, {
    method: "PATCH",
    headers: json,
    body: JSON.stringify({ title: "Night", tags: ["sea", "Été"], is_favorite: true, rating: 4 }),
  });
  await api.request(`/api/v1/photos/${trashed}`, { method: "DELETE" });
  return { id, upload, source, first, second, failed, chosen, trashed, favourite };
}

/** Exports a session; returns its archive. */
export async function exportOf(api: TestApi, sessionId: string): Promise<Buffer> {
  const response = await api.request(`/api/v1/generation/sessions/${sessionId}/export`);
  if (!response.ok) throw new Error(await response.text());
  return Buffer.from(await response.arrayBuffer());
}

/** Imports the archive of a session. */
export async function importInto(
  api: Pick<TestApi, "request">,
  archive: Uint8Array,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Json }> {
  const form = new FormData();
  form.append("file", new Blob([new Uint8Array(archive)]), "session.zip");
  const response = await api.request("/api/v1/generation/sessions/import", {
    method: "POST",
    body: form,
    headers,
  });
  return { status: response.status, body: (await response.json()) as Json };
}
