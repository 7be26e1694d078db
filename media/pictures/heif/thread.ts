import type { HeifHeader, HeifOrder, HeifResult } from "./worker";

/** The decoder's word for exceeding the time limit, the same as sharp's. */
const tooLong = "timeout: HEIF";

/** Reading a header takes milliseconds; this stops a hostile one. */
const inspectSeconds = 20;

/**
 * Reads the facts of a HEIC, HEIF or AVIF file's primary picture.
 * @throws Error when the file has no picture
 */
export async function inspectHeif(path: string): Promise<HeifHeader> {
  const { header } = await inThread({ kind: "inspect", path }, inspectSeconds);
  if (!header) throw new Error("HEIF: no picture");
  return header;
}

/**
 * Decodes a HEVC-coded HEIC or HEIF picture to an uncompressed TIFF, upright, with the given colour profile.
 * @throws Error when the picture is damaged, differs from its header, or takes too long
 */
export async function decodeHeif(
  picture: Omit<Extract<HeifOrder, { kind: "decode" }>, "kind">,
  timeoutSeconds: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const { file } = await inThread({ kind: "decode", ...picture }, timeoutSeconds);
  if (!file) throw new Error("HEIF: not decodable");
  return file;
}

/**
 * Runs each picture in its own thread: the server keeps answering during the seconds that decoding takes, WebAssembly
 * never releases memory, and only a thread can be terminated while it works.
 */
async function inThread(order: HeifOrder, timeoutSeconds: number): Promise<HeifResult> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url));
  const { promise, resolve, reject } = Promise.withResolvers<HeifResult>();
  const timer = setTimeout(() => reject(new Error(tooLong)), timeoutSeconds * 1000);
  worker.addEventListener("message", ({ data }: MessageEvent<HeifResult>) => resolve(data));
  worker.addEventListener("error", (event) => reject(new Error("HEIF", { cause: event.message })));
  worker.postMessage(order);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    worker.terminate();
  }
}
