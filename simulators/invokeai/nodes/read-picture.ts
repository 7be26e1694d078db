import type { RunContext } from "./definition.ts";

/** The bytes of the picture that an input names. */
export async function readPicture(context: RunContext, image: unknown): Promise<Buffer> {
  const { image_name } = image as { image_name: string };
  context.images.getForNode(image_name);
  return context.images.readBytes(image_name);
}
