/** Pixels row by row without padding. */
export type PixelLayout = Readonly<{
  width: number;
  height: number;
  channels: 3 | 4;
  /** Bits per channel; 16-bit samples are little-endian. */
  depth: 8 | 16;
}>;

/**
 * Allocates an uncompressed TIFF (revision 6.0); write the pixels into the view `pixels`. It costs nothing to encode
 * or decode and, unlike raw pixels, carries a colour profile.
 */
export function allocateTiff(
  { width, height, channels, depth }: PixelLayout,
  profile: Uint8Array | undefined,
): { file: Uint8Array<ArrayBuffer>; pixels: Uint8Array<ArrayBuffer> } {
  const pixelBytes = (width * height * channels * depth) / 8;
  const profileBytes = profile?.length ?? 0;
  const entryCount = 9 + (channels === 4 ? 1 : 0) + (profile ? 1 : 0);
  const depthsAt = 8 + 2 + 12 * entryCount + 4;
  const profileAt = depthsAt + 2 * channels;
  // Rows begin at a multiple of four, since TIFF recommends word alignment.
  const pixelsAt = Math.ceil((profileAt + profileBytes) / 4) * 4;
  const file = new Uint8Array(pixelsAt + pixelBytes);
  const view = new DataView(file.buffer);

  file.set([0x49, 0x49, 42, 0, 8, 0, 0, 0]);
  view.setUint16(8, entryCount, true);
  let at = 10;
  const entry = (tag: number, type: number, count: number, value: number) => {
    view.setUint16(at, tag, true);
    view.setUint16(at + 2, type, true);
    view.setUint32(at + 4, count, true);
    view.setUint32(at + 8, value, true);
    at += 12;
  };
  entry(tags.width, long, 1, width);
  entry(tags.height, long, 1, height);
  entry(tags.bitsPerSample, short, channels, depthsAt);
  entry(tags.compression, short, 1, 1);
  entry(tags.photometric, short, 1, 2);
  entry(tags.stripOffset, long, 1, pixelsAt);
  entry(tags.samplesPerPixel, short, 1, channels);
  entry(tags.rowsPerStrip, long, 1, height);
  entry(tags.stripBytes, long, 1, pixelBytes);
  // Unassociated alpha: colours are not multiplied by it.
  if (channels === 4) entry(tags.extraSamples, short, 1, 2);
  if (profile) entry(tags.profile, undefinedBytes, profileBytes, profileAt);
  for (let channel = 0; channel < channels; channel += 1) {
    view.setUint16(depthsAt + 2 * channel, depth, true);
  }
  if (profile) file.set(profile, profileAt);
  return { file, pixels: file.subarray(pixelsAt) };
}

const short = 3;
const long = 4;
const undefinedBytes = 7;
const tags = {
  width: 256,
  height: 257,
  bitsPerSample: 258,
  compression: 259,
  photometric: 262,
  stripOffset: 273,
  samplesPerPixel: 277,
  rowsPerStrip: 278,
  stripBytes: 279,
  extraSamples: 338,
  profile: 34_675,
} as const;
