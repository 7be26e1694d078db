import { createHash } from "node:crypto";
import { join } from "node:path";
import { eq, inArray } from "drizzle-orm";
import { type Photo, photos } from "#db/schema/photos";
import { slots, steps } from "#db/schema/steps";
import type { SimulatorState } from "#dev/simulators/invokeai/control";
import { originalKey, parseKey, previewKey, thumbnailKey } from "#media/keys";
import { listFiles } from "#tests/support/library";
import type { Ground } from "./ground";

/** Everything that is wrong once a schedule is over, in words; nothing when all promises were kept. */
export async function findBrokenPromises(ground: Ground, stepIds: string[]): Promise<string[]> {
  const state = await ground.stack.invokeai.control.state();
  const { db } = ground.stack.database;
  const all = await db.select().from(photos);
  return [
    ...(await checkSlots(ground, stepIds)),
    ...checkMaking(state, all),
    ...(await checkFiles(ground, all)),
    ...checkQueue(state),
  ];
}

/** Every slot is filled once, or its step was cancelled. */
async function checkSlots({ stack }: Ground, stepIds: string[]): Promise<string[]> {
  const { db } = stack.database;
  const rows = await db
    .select({ slot: slots, step: steps, photo: photos })
    .from(slots)
    .innerJoin(steps, eq(steps.id, slots.stepId))
    .leftJoin(photos, eq(photos.id, slots.photoId))
    .where(inArray(steps.id, stepIds));
  return rows.flatMap(({ slot, step, photo }) => {
    const name = `slot ${slot.index} of step ${step.position}`;
    const isCancelled = step.status === "cancelled" && step.cancelRequestedAt !== null;
    if (slot.status !== "filled") {
      return isCancelled
        ? []
        : [
            `${name} is ${slot.status} though its step is ${step.status}: ${JSON.stringify(slot.error ?? step.error)}`,
          ];
    }
    if (photo === null) return [`${name} is filled by nothing`];
    if (photo.retrievalStatus !== "completed") {
      return [`the image of ${name} is ${photo.retrievalStatus}: ${photo.retrievalError}`];
    }
    return photo.generation?.seed === slot.seed ? [] : [`${name} holds an image of another seed`];
  });
}

/** No batch was taken twice, no slot drawn twice, and each image that was drawn is a photo. */
function checkMaking(state: SimulatorState, all: Photo[]): string[] {
  const taken = state.enqueues.filter(({ enqueued }) => enqueued > 0).map((each) => each.batchId);
  // A batch's id is its step's and the number of the attempt.
  const drawn = state.generated.map(
    ({ batchId, seed }) => `the image of seed ${seed} in step ${batchId.replace(/-\d+$/, "")}`,
  );
  const named = new Set(all.map((photo) => photo.invokeId));
  return [
    ...repeated(taken).map((batchId) => `batch ${batchId} was sent twice`),
    ...repeated(drawn).map((image) => `${image} was generated twice`),
    ...state.generated
      .filter(({ imageName }) => !named.has(imageName))
      .map(({ seed, batchId }) => `the image of seed ${seed} in ${batchId} has no photo`),
  ];
}

/** Each row has its files, whole, and no other file stands among them. */
async function checkFiles({ stack }: Ground, all: Photo[]): Promise<string[]> {
  const wanted = new Map<string, Photo>();
  for (const photo of all) {
    if (photo.mimeType === null) continue;
    wanted.set(originalKey({ ...photo, mimeType: photo.mimeType }), photo);
    wanted.set(thumbnailKey(photo.id), photo);
    wanted.set(previewKey(photo.id), photo);
  }
  const found = new Set(await listKeys(stack.dataDir));
  const spoilt: string[] = [];
  for (const [key, photo] of wanted) {
    if (!found.has(key)) spoilt.push(`${key} is missing`);
    else if (parseKey(key)?.part === "original") {
      const bytes = await Bun.file(join(stack.dataDir, key)).bytes();
      const hash = createHash("sha256").update(bytes).digest("hex");
      if (hash !== photo.contentHash) spoilt.push(`${key} is not what its row says`);
    }
  }
  const orphans = [...found].filter((key) => !wanted.has(key));
  return [...spoilt, ...orphans.map((key) => `${key} belongs to no row`)];
}

/** What is unfinished or set aside lies in folders of its own, and is left out. */
async function listKeys(dataDir: string): Promise<string[]> {
  const lists = await Promise.all(
    (["generated", "uploaded", "thumbnails"] as const).map(async (kind) =>
      (await listFiles(dataDir, kind)).map((path) => `photos/${kind}/${path}`),
    ),
  );
  return lists.flat();
}

function checkQueue({ queue }: SimulatorState): string[] {
  const left = queue.pending + queue.inProgress;
  return left === 0 ? [] : [`InvokeAI's queue holds ${left} items of ours`];
}

function repeated(names: string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
