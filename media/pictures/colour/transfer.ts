/** Converts a sample of one channel to light, both 0 to 1, where 1 is a screen's white. */
export type Curve = (sample: number) => number;

/** Brightness of diffuse white in HDR, in candela per square metre (ITU-R BT.2408). */
const whiteNits = 203;
/** The brightest light that stays distinct from white; anything brighter becomes white. */
const peakNits = 4000;

/** sRGB's code (ITU-T H.273, table 3). */
export const srgbTransfer = 13;

const curves: Readonly<Record<number, Curve>> = {
  4: (sample) => sample ** 2.2,
  5: (sample) => sample ** 2.8,
  8: (sample) => sample,
  13: srgb,
  16: (sample) => compress(nitsOfPq(sample) / whiteNits),
  17: (sample) => (sample ** 2.6 * 52.37) / 48,
  18: (sample) => compress(nitsOfHlg(sample) / whiteNits),
};

/**
 * The code of the curve used for display. The curves of television cameras (1, 6, 14, 15) and unknown ones are
 * displayed as sRGB, because pictures with these codes are made on screens.
 */
export function shownTransfer(code: number | undefined): number {
  return code !== undefined && code in curves ? code : srgbTransfer;
}

/** The curve for a code returned by `shownTransfer`. */
export function createCurve(code: number): Curve {
  return curves[code] ?? srgb;
}

/** IEC 61966-2-1. */
function srgb(sample: number): number {
  return sample <= 0.040_45 ? sample / 12.92 : ((sample + 0.055) / 1.055) ** 2.4;
}

/** The EOTF of SMPTE ST 2084. */
function nitsOfPq(sample: number): number {
  const [m1, m2] = [2610 / 16_384, (2523 / 4096) * 128];
  const [c1, c2, c3] = [3424 / 4096, (2413 / 4096) * 32, (2392 / 4096) * 32];
  const power = sample ** (1 / m2);
  return 10_000 * (Math.max(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1);
}

/** ITU-R BT.2100: the inverse OETF, then the OOTF of a 1000-nit screen, for each channel separately. */
function nitsOfHlg(sample: number): number {
  const [a, b, c] = [0.178_832_77, 0.284_668_92, 0.559_910_73];
  const scene = sample <= 0.5 ? sample ** 2 / 3 : (Math.exp((sample - c) / a) + b) / 12;
  return 1000 * scene ** 1.2;
}

/** Keeps light up to 0.8 of white and compresses brighter light towards white (Reinhard et al. 2002, equation 4). */
function compress(light: number): number {
  const knee = 0.8;
  if (light <= knee) return light;
  const excess = (light - knee) / (1 - knee);
  const most = (peakNits / whiteNits - knee) / (1 - knee);
  const bent = (excess * (1 + excess / most ** 2)) / (1 + excess);
  return Math.min(1, knee + (1 - knee) * bent);
}
