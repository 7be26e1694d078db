import { eq, inArray } from "drizzle-orm";
import { photos } from "#db/schema/photos";
import { slots, steps } from "#db/schema/steps";
import type { GeneratedPicture, RunpodState } from "#simulators/runpod/control";
import type { Played } from "./run";
import type { PodTestBed } from "./test-bed";

/** Images that are missing without a reason that the owner can read, and images that were made twice. */
export async function findBrokenImages(
  { stack }: PodTestBed,
  { generated }: RunpodState,
  { observed, schedule }: Played,
): Promise<string[]> {
  const { db } = stack.database;
  const rows = await db
    .select({ slot: slots, step: steps, photo: photos })
    .from(slots)
    .innerJoin(steps, eq(steps.id, slots.stepId))
    .leftJoin(photos, eq(photos.id, slots.photoId))
    .where(inArray(steps.id, observed.stepIds));
  const lacking = rows.flatMap(({ slot, step, photo }) => {
    const name = `slot ${slot.index} of step ${step.position}`;
    if (slot.status !== "filled") {
      const why = slot.error ?? step.error;
      if (schedule.budget !== null && why?.code === "pod_error") return [];
      // Its pod died with it after everything was generated; the slot says so.
      if (schedule.place === "pod" && why?.message.includes("ended before it was fetched")) {
        return [];
      }
      return [`${name} is ${slot.status}, its step ${step.status}: ${JSON.stringify(why)}`];
    }
    if (photo?.retrievalStatus !== "completed") {
      return [`the image of ${name} is ${photo?.retrievalStatus}: ${photo?.retrievalError}`];
    }
    return photo.generation?.seed === slot.seed ? [] : [`${name} holds an image of another seed`];
  });
  const ours = generated.filter(({ batchId }) => observed.stepIds.includes(stepOf(batchId)));
  return [...lacking, ...findRepeated(ours, schedule.place), ...findContinued(ours)];
}

/** What a pod without a volume held is lost with it, and made again on the next one. */
function findRepeated(generated: GeneratedPicture[], place: "volume" | "pod"): string[] {
  const images = generated.map(({ batchId, seed, podId }) => {
    const image = `the image of seed ${seed} in step ${stepOf(batchId)}`;
    return place === "pod" ? `${image} on pod ${podId}` : image;
  });
  return [...new Set(images.filter((image, at) => images.indexOf(image) !== at))].map(
    (image) => `${image} was made twice`,
  );
}

/** What a pod left in its queue is never generated on the next one: that makes a batch of its own. */
function findContinued(generated: GeneratedPicture[]): string[] {
  const batches = [...new Set(generated.map(({ batchId }) => batchId))];
  return batches.flatMap((batchId) => {
    const images = generated.filter((each) => each.batchId === batchId);
    const pods = new Set(images.map(({ podId }) => podId));
    return pods.size > 1 ? [`batch ${batchId} went on on another pod`] : [];
  });
}

/** A batch's id consists of its step's id and the attempt's number. */
const stepOf = (batchId: string): string => batchId.replace(/-\d+$/, "");
