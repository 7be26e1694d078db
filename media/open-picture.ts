import { sharp } from "./decoder";
import type { DecodeLimits } from "./pixel-budget";
import { decodeHeic } from "./heic/decode";
import { boundsOf, type InspectedImage } from "./inspect";

// A HEIC may take the usual limit for each of these: decoding it is an order slower than other kinds, and one
// of 48 megapixels is a picture of a phone, also where the machine is slow.
const usualHeicPixels = 12_000_000;

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
  const heicSeconds = timeoutSeconds * Math.max(1, (width * height) / usualHeicPixels);
  const source = isHevc ? await decodeHeic({ path, width, height, profile }, heicSeconds) : path;
  return sharp(source, {
    limitInputPixels: boundsOf(image.mimeType).pixels,
    failOn: "truncated",
    autoOrient: true,
  }).timeout({ seconds: timeoutSeconds });
}
