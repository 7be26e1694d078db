import type { ExifTags } from "./exif-tags";
import { plainText } from "./plain-text";

/** With what a picture was taken, and how; what is not told is undefined. */
export type Camera = Readonly<{
  make: string | undefined;
  model: string | undefined;
  lens: string | undefined;
  exposureTimeSeconds: number | undefined;
  fNumber: number | undefined;
  iso: number | undefined;
  focalLengthMm: number | undefined;
}>;

/** Degrees, south and west negative; metres above the sea. */
export type Place = Readonly<{
  latitude: number;
  longitude: number;
  altitudeM: number | undefined;
}>;

const maxNameLength = 200;
/** ComfyUI writes its graphs into the names of camera and maker. */
const graphs = /^(?:prompt|workflow):\{/;

/** null when the block tells nothing of a camera. */
export function cameraOf({ tags }: ExifTags): Camera | null {
  const camera: Camera = {
    make: nameOf(tags.Make),
    model: nameOf(tags.Model),
    lens: nameOf(tags.LensModel),
    exposureTimeSeconds: amountOf(tags.ExposureTime),
    fNumber: amountOf(tags.FNumber),
    iso: amountOf([tags.ISOSpeedRatings].flat()[0]),
    focalLengthMm: amountOf(tags.FocalLength),
  };
  return Object.values(camera).every((fact) => fact === undefined) ? null : camera;
}

/** null unless the block names a point on Earth. */
export function placeOf({ gps }: ExifTags): Place | null {
  const { Latitude: latitude, Longitude: longitude, Altitude: altitude } = gps;
  if (!isWithin(latitude, 90) || !isWithin(longitude, 180)) return null;
  return { latitude, longitude, altitudeM: isWithin(altitude, 100_000) ? altitude : undefined };
}

function isWithin(value: number | undefined, bound: number): value is number {
  return typeof value === "number" && Math.abs(value) <= bound;
}

function nameOf(value: unknown): string | undefined {
  const [text] = Array.isArray(value) ? value : [value];
  if (typeof text === "string" && graphs.test(text)) return undefined;
  return plainText(text, maxNameLength);
}

/** A count, or a fraction as numerator and denominator; undefined unless it is above zero. */
function amountOf(value: unknown): number | undefined {
  const [first, second = 1] = Array.isArray(value) ? value : [value];
  const amount = Number(first) / Number(second);
  return Number.isFinite(amount) && amount > 0 ? amount : undefined;
}
