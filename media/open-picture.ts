import { sharp } from "./decoder";
import type { DecodeLimits } from "./derive";
import { decodeHeic } from "./heic/decode";
import { boundsOf, type InspectedImage } from "./inspect";

/**
 * A picture to be decoded: upright, of an animation the first frame. Slightly broken files of old cameras and
 * phones pass, truncated ones fail. To be called within the pixel budget: HEIC is decoded here and now.
 * @throws Error in the decoder's words, for `decodeFault`
 */
export async function openPicture(
  path: string,
  image: InspectedImage,
  { timeoutSeconds }: Pick<DecodeLimits, "timeoutSeconds">,
): Promise<ReturnType<typeof sharp>> {
  const { width, height, profile, isHevc } = image;
  const source = isHevc ? await decodeHeic({ path, width, height, profile }, timeoutSeconds) : path;
  return sharp(source, {
    limitInputPixels: boundsOf(image.mimeType).pixels,
    failOn: "truncated",
    autoOrient: true,
  }).timeout({ seconds: timeoutSeconds });
}
