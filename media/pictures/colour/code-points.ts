import { buildProfile, type Primaries } from "./profile";
import { createCurve, shownTransfer, srgbTransfer } from "./transfer";

/** Colours identified by numbers (ITU-T H.273, as in `nclx` of HEIF and `cICP` of PNG). */
export type ColourCodes = Readonly<{
  primaries: number;
  transfer: number;
  /** false: samples range from 16 to 235 of 255. */
  isFullRange: boolean;
}>;

const d65 = [0.3127, 0.329] as const;
const bt709: Primaries = [[0.64, 0.33], [0.3, 0.6], [0.15, 0.06], d65];
const smpte170m: Primaries = [[0.63, 0.34], [0.31, 0.595], [0.155, 0.07], d65];

/** ITU-T H.273, table 2. */
const primariesByCode: Readonly<Record<number, Primaries>> = {
  1: bt709,
  4: [
    [0.67, 0.33],
    [0.21, 0.71],
    [0.14, 0.08],
    [0.31, 0.316],
  ],
  5: [[0.64, 0.33], [0.29, 0.6], [0.15, 0.06], d65],
  6: smpte170m,
  7: smpte170m,
  9: [[0.708, 0.292], [0.17, 0.797], [0.131, 0.046], d65],
  11: [
    [0.68, 0.32],
    [0.265, 0.69],
    [0.15, 0.06],
    [0.314, 0.351],
  ],
  12: [[0.68, 0.32], [0.265, 0.69], [0.15, 0.06], d65],
  22: [[0.63, 0.34], [0.295, 0.605], [0.155, 0.077], d65],
};

/**
 * The ICC profile equivalent to the code points, so that one code path converts all colours; undefined when the
 * samples are already sRGB. The profile's curves tone map HDR.
 * @param codes as in the file; unknown numbers count as sRGB
 * @param samples.areLimited whether the decoder returns limited-range samples unconverted
 */
export function profileOfCodes(
  codes: ColourCodes | undefined,
  { areLimited }: { areLimited: boolean },
): Uint8Array | undefined {
  const primaries = primariesByCode[codes?.primaries ?? 1] ?? bt709;
  const transfer = shownTransfer(codes?.transfer);
  const curve = createCurve(transfer);
  const isSrgb = primaries === bt709 && transfer === srgbTransfer;
  if (isSrgb && !areLimited) return undefined;
  const stretch = (sample: number) => Math.min(1, Math.max(0, (sample * 255 - 16) / 219));
  return buildProfile(primaries, areLimited ? (sample) => curve(stretch(sample)) : curve);
}
