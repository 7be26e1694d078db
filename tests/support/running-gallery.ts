import { createGalleryClient } from "./gallery";
import { type StackOptions, startStack } from "./stack";

/** A stack whose api and worker run, with a client of its api. The caller's to stop, by `stack.stop`. */
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
