import type { ExifTags } from "./exif-tags";
import { plainText } from "./plain-text";

/** The camera and its settings; an unknown value is undefined. */
export type Camera = Readonly<{
  make: string | undefined;
  model: string | undefined;
  lens: string | undefined;
  exposureTimeSeconds: number | undefined;
  fNumber: number | undefined;
  iso: number | undefined;
  focalLengthMm: number | undefined;
}>;

/** Degrees, negative for south and west; metres above sea level. */
export type Place = Readonly<{
  latitude: number;
  longitude: number;
  altitudeM: number | undefined;
}>;

const maxNameLength = 200;
/** Image generators write graphs and settings into the camera's make and model. */
const json = /^\s*(?:[\w -]{1,40}:\s*)?[[{]/;

/** null when the block names no camera data. */
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

/** null unless the block has valid coordinates. */
export function placeOf({ gps }: ExifTags): Place | null {
  const { Latitude: latitude, Longitude: longitude, Altitude: altitude } = gps;
  if (!isWithin(latitude, 90) || !isWithin(longitude, 180)) return null;
  // Phones write zeros without a GPS fix.
  if (latitude === 0 && longitude === 0) return null;
  return { latitude, longitude, altitudeM: isWithin(altitude, 100_000) ? altitude : undefined };
}

function isWithin(value: number | undefined, bound: number): value is number {
  return typeof value === "number" && Math.abs(value) <= bound;
}

function nameOf(value: unknown): string | undefined {
  const [text] = Array.isArray(value) ? value : [value];
  if (typeof text === "string" && json.test(text)) return undefined;
  return plainText(text, maxNameLength);
}

/** Reads a number, or a fraction as numerator and denominator; undefined unless above zero. */
function amountOf(value: unknown): number | undefined {
  const [first, second = 1] = Array.isArray(value) ? value : [value];
  const amount = Number(first) / Number(second);
  return Number.isFinite(amount) && amount > 0 ? amount : undefined;
}
