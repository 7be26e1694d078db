import type { GalleryClient } from "#tests/support/gallery";
import { boxMask } from "#tests/support/painted-source";
import { smallPng } from "#tests/support/png";
import type { PlannedStep } from "./schedule";

/** A user's actions during a schedule; each is retried until it is answered. */
export type UserSession = ReturnType<typeof createUserSession>;

const patienceMs = 60_000;

/** One user session. Requests are retried while a service is down; each has its own idempotency key. */
export function createUserSession(gallery: GalleryClient) {
  /** A mask of the size of a photo. */
  async function maskFor(photoId: string): Promise<string> {
    const { width, height } = await persist(() => gallery.get(`/photos/${photoId}`));
    const box = { x: 0, y: 0, width: width / 2, height: height / 2 };
    return (await persist(async () => gallery.upload(await boxMask(width, height, box)))).id;
  }

  /** The recipe of the simulated library with two outputs, and its model among its inputs. */
  async function twoLooks() {
    const keyed = { "idempotency-key": crypto.randomUUID() };
    const body = { library_id: "default_two-looks" };
    const recipe = await persist(() => gallery.post("/recipes", body, keyed));
    const { key } = await persist(() => gallery.firstModel());
    const model = recipe.inputs.find(({ role }: { role: string }) => role === "model");
    return { recipe_id: recipe.id, inputs: { [model.id]: key } };
  }

  async function references() {
    const { id } = await persist(async () => gallery.upload(await smallPng()));
    return [
      { image_id: id, role: "style", weight: 0.5 },
      { image_id: id, role: "control" },
    ];
  }

  return {
    async openSession(): Promise<string> {
      const body = { entry_type: "scratch" };
      const keyed = { "idempotency-key": crypto.randomUUID() };
      return (await persist(() => gallery.post("/generation/sessions", body, keyed))).id;
    },

    /** A source picture; equal bytes are the same photo, so a retry changes nothing. */
    uploadSource: async (): Promise<string> =>
      (await persist(async () => gallery.upload(await smallPng()))).id,

    /**
     * Requests a planned step in a session; a grid is a session of its own.
     * @returns the ids of its steps, and of the session that is to be completed with it
     */
    async requestStep(
      sessionId: string,
      step: Omit<PlannedStep, "source"> & { denoisingSteps: number },
      sourceImageId: string | undefined,
    ): Promise<{ stepIds: string[]; sessionId: string }> {
      const keyed = { "idempotency-key": crypto.randomUUID() };
      const parameters = { batch_size: step.images, seed: step.seed, steps: step.denoisingSteps };
      const body = {
        parameters,
        ...(sourceImageId !== undefined && { source_image_id: sourceImageId }),
      };
      if (step.kind === "grid") {
        const { key } = await persist(() => gallery.firstModel());
        const axes = [{ field: "prompt", values: ["a lighthouse", "a windmill"] }];
        const template = { ...body, parameters: { ...parameters, model_key: key } };
        const grid = await persist(() =>
          gallery.post("/generation/grids", { axes, step: template }, keyed),
        );
        const shown = await persist(() => gallery.get(`/generation/grids/${grid.id}`));
        const stepIds = shown.cells.flat().map((cell: { step_id: string }) => cell.step_id);
        return { stepIds, sessionId: grid.session_id };
      }
      if (step.kind === "recipe") {
        const looks = await twoLooks();
        const { id } = await persist(() =>
          gallery.post(
            `/generation/sessions/${sessionId}/steps`,
            { ...looks, seed: step.seed, batch_size: step.images },
            keyed,
          ),
        );
        return { stepIds: [id], sessionId };
      }
      const more =
        step.kind === "mask"
          ? { mask: await maskFor(sourceImageId!) }
          : step.kind === "references"
            ? { references: await references() }
            : {};
      const { id } = await persist(() =>
        gallery.requestStep(sessionId, { ...body, ...more }, keyed),
      );
      return { stepIds: [id], sessionId };
    },

    /** false when the step had already ended. */
    cancelStep: (stepId: string): Promise<boolean> =>
      persist(async () => {
        try {
          await gallery.post(`/generation/steps/${stepId}/cancel`);
          return true;
        } catch (error) {
          if (String(error).includes(": 409 ")) return false;
          throw error;
        }
      }),

    completeSession: (sessionId: string) =>
      persist(() => gallery.patch(`/generation/sessions/${sessionId}`, { status: "completed" })),
  };
}

/** Repeats a request until it is answered. */
export async function persist<T>(request: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await Bun.sleep(100);
    }
  }
}
