import { join } from "node:path";
import { eq, inArray } from "drizzle-orm";
import { type Photo, photos } from "#db/schema/photos";
import { slots, steps } from "#db/schema/steps";
import { sha256Of } from "#sha256";
import type { SimulatorState } from "#simulators/invokeai/control";
import { originalKey, parseKey, previewKey, thumbnailKey } from "#media/storage/keys";
import { listFiles } from "#tests/support/library";
import type { TestBed } from "./test-bed";

/**
 * All violations after a schedule, in words; empty when every promise was kept.
 * @param options.allowsOrphans uploads were killed: files without a row are not a violation
 */
export async function findBrokenPromises(
  testBed: Pick<TestBed, "stack">,
  stepIds: string[],
  { allowsOrphans = false } = {},
): Promise<string[]> {
  const state = await testBed.stack.invokeai.control.state();
  const { db } = testBed.stack.database;
  const all = await db.select().from(photos);
  return [
    ...(await checkSlots(testBed, stepIds)),
    ...checkGeneration(state, all),
    ...(await checkFiles(testBed, all, allowsOrphans)),
    ...checkQueue(state),
  ];
}

/** Every slot has exactly one image, or its step was cancelled. */
async function checkSlots({ stack }: Pick<TestBed, "stack">, stepIds: string[]): Promise<string[]> {
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
    if (photo === null) return [`${name} has no image`];
    if (photo.retrievalStatus !== "completed") {
      return [`the image of ${name} is ${photo.retrievalStatus}: ${photo.retrievalError}`];
    }
    return photo.generation?.seed === slot.seed ? [] : [`${name} holds an image of another seed`];
  });
}

/** No batch was accepted twice, no slot was generated twice, and each generated image is a photo. */
function checkGeneration(state: SimulatorState, all: Photo[]): string[] {
  const taken = state.enqueues.filter(({ enqueued }) => enqueued > 0).map((each) => each.batchId);
  // A batch's id consists of its step's id and the attempt's number; a recipe may have several outputs.
  const drawn = state.generated.map(
    ({ batchId, nodeId, seed }) =>
      `the image of seed ${seed} of ${nodeId} in step ${batchId.replace(/-\d+$/, "")}`,
  );
  const named = new Set(all.map((photo) => photo.invokeId));
  return [
    ...repeated(taken).map((batchId) => `batch ${batchId} was sent twice`),
    ...repeated(drawn).map((image) => `${image} was generated twice`),
    ...state.generated
      .filter(({ imageName }) => !named.has(imageName))
      .map(({ seed, batchId }) => `the image of seed ${seed} in ${batchId} is not a photo`),
  ];
}

/** Each row has its complete files, and there are no other files; those of a killed upload wait for the sweep. */
async function checkFiles(
  { stack }: Pick<TestBed, "stack">,
  all: Photo[],
  allowsOrphans: boolean,
): Promise<string[]> {
  const wanted = new Map<string, Photo>();
  for (const photo of all) {
    if (photo.mimeType === null) continue;
    wanted.set(originalKey({ ...photo, mimeType: photo.mimeType }), photo);
    wanted.set(thumbnailKey(photo.id), photo);
    wanted.set(previewKey(photo.id), photo);
  }
  const found = new Set(await listKeys(stack.dataDir));
  const damaged: string[] = [];
  for (const [key, photo] of wanted) {
    if (!found.has(key)) damaged.push(`${key} is missing`);
    else if (parseKey(key)?.part === "original") {
      const bytes = await Bun.file(join(stack.dataDir, key)).bytes();
      const hash = sha256Of(bytes);
      if (hash !== photo.contentHash) damaged.push(`${key} does not match its row`);
    }
  }
  const orphans = allowsOrphans ? [] : [...found].filter((key) => !wanted.has(key));
  return [...damaged, ...orphans.map((key) => `${key} has no row`)];
}

/** Without unfinished and quarantined files, which are in separate folders. */
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
