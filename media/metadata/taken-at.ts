import type { Blocks } from "./blocks";
import type { Iptc } from "./iptc";
import type { XmpName } from "./xmp";

/** When the picture was taken, by the camera's clock. */
export type TakenAt = Readonly<{
  /** `2024-05-17T18:03:22.450`: local time, without a zone. */
  wallClock: string;
  /** The clock's offset from UTC; undefined when the file does not record it. */
  offsetMinutes: number | undefined;
  /** The source of the time; `exif_modified` is EXIF's time of the last change. */
  source: "exif" | "xmp" | "iptc" | "exif_modified";
}>;

/** Earlier there was no photography; a later date means a wrong camera clock. */
const years = { first: 1826, last: 2199 };
const maxOffsetMinutes = 14 * 60;

/** XMP and IPTC often keep the date when EXIF was lost. EXIF's time of the last change is the last resort. */
export function takenAtOf({ exif, xmp, iptc }: Blocks): TakenAt | undefined {
  const { tags } = exif;
  const inXmp = (name: XmpName) => firstOf(xmp.textsOf(name).slice(0, maxDates).map(xmpMoment));
  return (
    from("exif", [
      moment(tags.DateTimeOriginal, tags.SubSecTimeOriginal, tags.OffsetTimeOriginal),
      moment(tags.DateTimeDigitized, tags.SubSecTimeDigitized, tags.OffsetTimeDigitized),
    ]) ??
    from("xmp", [inXmp("exif:DateTimeOriginal"), inXmp("photoshop:DateCreated")]) ??
    from("iptc", [iptcMoment(iptc)]) ??
    from("xmp", [inXmp("xmp:CreateDate")]) ??
    from("exif_modified", [moment(tags.DateTime, tags.SubSecTime, tags.OffsetTime)])
  );
}

/** Converts a file's modification time to a time zone; undefined when no photo can be of that time. */
export function fileMoment(modifiedAt: Date, timeZone: string): Moment | undefined {
  const local = modifiedAt.toLocaleString("sv-SE", { timeZone });
  return moment(local, String(modifiedAt.getMilliseconds()).padStart(3, "0"), undefined);
}

const maxDates = 10;

export type Moment = Omit<TakenAt, "source">;

function from(
  source: TakenAt["source"],
  moments: readonly (Moment | undefined)[],
): TakenAt | undefined {
  const found = firstOf(moments);
  return found && { ...found, source };
}

function firstOf(moments: readonly (Moment | undefined)[]): Moment | undefined {
  return moments.find((found) => found !== undefined);
}

/**
 * Parses a time as in XMP, `2024-05-17T18:03:22.45+02:00`, where the time of day and its parts are optional, or as in
 * EXIF. undefined for a year alone.
 */
export function xmpMoment(text: string): Moment | undefined {
  const [, date, time = "00:00", seconds = ":00", fraction, offset] =
    /^(\d{4}[-:]\d\d[-:]\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:\.(\d{1,9}))?\s?(Z|[+-]\d\d:?\d\d)?)?$/.exec(
      text.trim(),
    ) ?? [];
  const zone = offset?.replace(/^([+-]\d\d)(\d\d)$/, "$1:$2");
  return date === undefined ? undefined : moment(`${date} ${time}${seconds}`, fraction, zone);
}

/** Date and time of day as digits, the time with its offset. */
function iptcMoment({ dateCreated = "", timeCreated = "" }: Iptc): Moment | undefined {
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)/.exec(dateCreated) ?? [];
  const [, hour = "00", minute = "00", second = "00", hours, minutes] =
    /^(\d\d)(\d\d)(\d\d)(?:([+-]\d\d)(\d\d))?/.exec(timeCreated) ?? [];
  const offset = hours === undefined ? undefined : `${hours}:${minutes}`;
  return moment(`${year}-${month}-${day} ${hour}:${minute}:${second}`, undefined, offset);
}

/**
 * Parses a date with its fraction and offset, as in EXIF (CIPA DC-008, 4.6.5). Invalid dates are ignored: cameras
 * without a clock write zeros.
 */
function moment(date: unknown, fraction: unknown, offset: unknown): Moment | undefined {
  const found = /^(\d{4})[:\-/.](\d\d)[:\-/.](\d\d)[ T](\d\d):(\d\d):(\d\d)/.exec(textOf(date));
  if (!found) return undefined;
  const [, year, month, day, hour, minute, second] = found;
  if (Number(year) < years.first || Number(year) > years.last) return undefined;
  const milliseconds = (/^\d+/.exec(textOf(fraction))?.[0] ?? "").slice(0, 3).padEnd(3, "0");
  const wallClock = `${year}-${month}-${day}T${hour}:${minute}:${second}.${milliseconds}`;
  const parsed = new Date(`${wallClock}Z`);
  // The parser accepts 30 February, but returns a day in March.
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

/** The reader returns a text as a list of one. */
function textOf(value: unknown): string {
  const [text] = Array.isArray(value) ? value : [value];
  return typeof text === "string" ? text.replaceAll("\0", "").trim() : "";
}
