import type { ReceivedFile, StagedFile } from "#media/storage/storage";
import type { ActivityDeps } from "../deps";

/** A generated 4096² PNG of noise is about 50 MB; no valid image comes near this limit. */
export const maxImageBytes = 256 * 1024 * 1024;

/** Downloads an image from InvokeAI into a staged file; the file is empty again if the download fails. */
export async function receiveImage(
  deps: Pick<ActivityDeps, "invokeai">,
  image: { backend: string; imageName: string; staged: StagedFile },
  signal: AbortSignal,
): Promise<ReceivedFile> {
  const { imageName, staged } = image;
  const pipe = new TransformStream<Uint8Array, Uint8Array>();
  const writer = pipe.writable.getWriter();
  const received = staged.receive(pipe.readable, maxImageBytes);
  // Marked as handled: whichever side fails first aborts the other, and its error is thrown.
  received.catch((error: unknown) => writer.abort(error).catch(() => {}));
  try {
    const invokeai = await deps.invokeai(image.backend);
    await invokeai.downloadImage({ imageName, sink: writer, maxBytes: maxImageBytes }, signal);
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => {});
    // A full disk ends the download first, in Bun without a reason. A fault of the download is also what the file received.
    await received;
    throw error;
  }
  return received;
}
