import { createGalleryClient } from "./gallery";
import { type StackOptions, startStack } from "./stack";

/** Starts a stack with api and worker, and a client of its api. The caller stops it with `stack.stop`. */
export async function startGallery(options: StackOptions = {}) {
  const stack = await startStack(options);
  try {
    const [api, worker] = await Promise.all([stack.startApi(), stack.startWorker()]);
    return { stack, api, worker, gallery: createGalleryClient(api.url) };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}
