import type { GalleryClient } from "#tests/support/gallery";
import { smallPng } from "#tests/support/png";

/** A user's actions during a schedule; each is retried until it is answered. */
export type UserSession = ReturnType<typeof createUserSession>;

const patienceMs = 60_000;

/** One user session. Requests are retried while a service is down; each has its own idempotency key. */
export function createUserSession(gallery: GalleryClient) {
  return {
    async openSession(): Promise<string> {
      const body = { entry_type: "scratch" };
      const keyed = { "idempotency-key": crypto.randomUUID() };
      return (await persist(() => gallery.post("/generation/sessions", body, keyed))).id;
    },

    /** A source picture; equal bytes are the same photo, so a retry changes nothing. */
    uploadSource: async (): Promise<string> =>
      (await persist(async () => gallery.upload(await smallPng()))).id,

    async requestStep(
      sessionId: string,
      step: { images: number; seed: number; denoisingSteps: number },
      sourceImageId: string | undefined,
    ): Promise<string> {
      const keyed = { "idempotency-key": crypto.randomUUID() };
      const parameters = { batch_size: step.images, seed: step.seed, steps: step.denoisingSteps };
      const source = sourceImageId === undefined ? {} : { source_image_id: sourceImageId };
      const requested = await persist(() =>
        gallery.requestStep(sessionId, { parameters, ...source }, keyed),
      );
      return requested.id;
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
