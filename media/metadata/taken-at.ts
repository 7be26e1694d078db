import type { ExifTags } from "./exif-tags";

/** When the shutter was pressed, by the camera's own clock. */
export type TakenAt = Readonly<{
  /** `2024-05-17T18:03:22.450`: a wall clock, which has no zone. */
  wallClock: string;
  /** How far that clock was ahead of UTC; undefined where the file does not say. */
  offsetMinutes: number | undefined;
}>;

/** Before it there was no photography; behind it lies a camera whose clock is broken. */
const years = { first: 1826, last: 2199 };
const maxOffsetMinutes = 14 * 60;

/**
 * EXIF's original time, else the time of digitizing, each with its fraction and offset (CIPA DC-008, 4.6.5).
 * A date that no calendar has is no date: cameras without a clock write zeros.
 */
export function takenAtOf({ tags }: ExifTags): TakenAt | undefined {
  return (
    moment(tags.DateTimeOriginal, tags.SubSecTimeOriginal, tags.OffsetTimeOriginal) ??
    moment(tags.DateTimeDigitized, tags.SubSecTimeDigitized, tags.OffsetTimeDigitized)
  );
}

function moment(date: unknown, fraction: unknown, offset: unknown): TakenAt | undefined {
  const found = /^(\d{4})[:\-/.](\d\d)[:\-/.](\d\d)[ T](\d\d):(\d\d):(\d\d)/.exec(textOf(date));
  if (!found) return undefined;
  const [, year, month, day, hour, minute, second] = found;
  if (Number(year) < years.first || Number(year) > years.last) return undefined;
  const milliseconds = (/^\d+/.exec(textOf(fraction))?.[0] ?? "").slice(0, 3).padEnd(3, "0");
  const wallClock = `${year}-${month}-${day}T${hour}:${minute}:${second}.${milliseconds}`;
  const parsed = new Date(`${wallClock}Z`);
  // 30 February is no error to the parser, but comes back as a day in March.
  if (Number.isNaN(parsed.getTime()) || parsed.toISOString() !== `${wallClock}Z`) return undefined;
  return { wallClock, offsetMinutes: minutesOf(textOf(offset)) };
}

function minutesOf(offset: string): number | undefined {
  if (offset === "Z") return 0;
  const [, sign, hours, minutes] = /^([+-])(\d\d):([0-5]\d)$/.exec(offset) ?? [];
  if (sign === undefined) return undefined;
  const amount = Number(hours) * 60 + Number(minutes);
  if (amount > maxOffsetMinutes) return undefined;
  return sign === "-" ? 0 - amount : amount;
}

/** The reader gives a text as a list of one. */
function textOf(value: unknown): string {
  const [text] = Array.isArray(value) ? value : [value];
  return typeof text === "string" ? text.replaceAll("\0", "").trim() : "";
}
