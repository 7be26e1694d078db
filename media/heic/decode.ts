import type { HeicOrder, HeicResult } from "./worker";

/** The decoder's word for a limit of time, as sharp says it too. */
const tooLong = "timeout: HEIC";

/**
 * Decodes a HEIC or HEIF picture to an uncompressed TIFF, upright. In a thread of its own for each picture: decoding
 * takes seconds in which the server goes on answering, WebAssembly never gives memory back, and
 * only a thread can be stopped in mid-work.
 * @throws Error when the picture is damaged, is not as its header says, or takes too long
 */
export async function decodeHeic(
  order: HeicOrder,
  timeoutSeconds: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url));
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  const timer = setTimeout(() => reject(new Error(tooLong)), timeoutSeconds * 1000);
  worker.addEventListener("message", ({ data }: MessageEvent<HeicResult>) => {
    if (data.file) resolve(data.file);
    else reject(new Error("HEIC: not decodable"));
  });
  worker.addEventListener("error", (event) => reject(new Error("HEIC", { cause: event.message })));
  worker.postMessage(order);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    worker.terminate();
  }
}
