import type { ReceivedFile, StagedFile } from "#media/storage";
import type { ActivityDeps } from "./deps";

/** A generated 4096² PNG of noise has some 50 MB; nothing sane is above. */
const maxImageBytes = 256 * 1024 * 1024;

/** Downloads an image from InvokeAI into a staged file, which is empty again when that fails. */
export async function receiveImage(
  deps: Pick<ActivityDeps, "invokeai">,
  image: { backend: string; imageName: string; staged: StagedFile },
  signal: AbortSignal,
): Promise<ReceivedFile> {
  const { imageName, staged } = image;
  const pipe = new TransformStream<Uint8Array, Uint8Array>();
  const writer = pipe.writable.getWriter();
  const received = staged.receive(pipe.readable, maxImageBytes);
  // Marked as handled: whichever side fails first, the other one follows, and the first is told.
  received.catch((error: unknown) => writer.abort(error).catch(() => {}));
  try {
    const invokeai = await deps.invokeai(image.backend);
    await invokeai.downloadImage({ imageName, sink: writer, maxBytes: maxImageBytes }, signal);
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => {});
    await received.catch(() => {});
    throw error;
  }
  return received;
}
