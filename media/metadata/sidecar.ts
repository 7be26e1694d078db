import type { Place } from "./camera";
import { type JsonObject, isObject, parseObject } from "./json-object";
import { plainText } from "./plain-text";
import { type Moment, xmpMoment } from "./taken-at";
import { readXmp, type XmpName } from "./xmp";

/** The facts in a sidecar about its picture; undefined where it has none. */
export type SidecarFacts = Readonly<{
  takenAt?: Moment | undefined;
  place?: Place | undefined;
  title?: string | undefined;
  description?: string | undefined;
}>;

const maxTitle = 200;
const maxDescription = 2_000;

/** Reads XMP or the JSON of a Google Takeout. Any other or broken text yields no facts. */
export function readSidecar(text: string, picture: string): SidecarFacts {
  const record = parseObject(text.replace(/^\ufeff/, ""));
  if (record) return fromTakeout(record, picture);
  return text.includes("<rdf:RDF") ? fromXmp(text) : {};
}

/** Merges the list: the first one that has a fact wins. */
export function joinFacts(list: readonly SidecarFacts[]): SidecarFacts {
  const first = <Name extends keyof SidecarFacts>(name: Name) =>
    list.find((facts) => facts[name] !== undefined)?.[name];
  return {
    takenAt: first("takenAt"),
    place: first("place"),
    title: first("title"),
    description: first("description"),
  };
}

/** ISO 16684-1, with the property names in common use. */
function fromXmp(text: string): SidecarFacts {
  const { textsOf } = readXmp(Buffer.from(text));
  const value = (name: XmpName) => textsOf(name)[0];
  const dates = ["exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate"] as const;
  return {
    takenAt: dates.map((name) => xmpMoment(value(name) ?? "")).find((moment) => moment),
    place: placeOf(
      degreesOf(value("exif:GPSLatitude"), "NS"),
      degreesOf(value("exif:GPSLongitude"), "EW"),
      altitudeOf(value("exif:GPSAltitude"), value("exif:GPSAltitudeRef")),
    ),
    title: titleOf(value("dc:title")),
    description: plainText(value("dc:description"), maxDescription),
  };
}

/** `48,51.5N` or `48,51,30N`: degrees, minutes and, in the second form, seconds. */
function degreesOf(text: string | undefined, sides: "NS" | "EW"): number | undefined {
  const [, degrees, minutes, seconds = "0", side = ""] =
    /^(\d{1,3}),(\d{1,2}(?:\.\d+)?)(?:,(\d{1,2}(?:\.\d+)?))?([NSEW])$/.exec(text?.trim() ?? "") ??
    [];
  if (degrees === undefined || !sides.includes(side)) return undefined;
  const amount = Number(degrees) + Number(minutes) / 60 + Number(seconds) / 3600;
  return side === "S" || side === "W" ? 0 - amount : amount;
}

function altitudeOf(text: string | undefined, reference: string | undefined): number | undefined {
  const [, above, below = "1"] = /^(\d+(?:\.\d+)?)(?:\/(\d+))?$/.exec(text?.trim() ?? "") ?? [];
  const metres = Number(above) / Number(below);
  if (!Number.isFinite(metres)) return undefined;
  return reference?.trim() === "1" ? 0 - metres : metres;
}

/** Google writes times as UTC seconds. */
function fromTakeout(record: JsonObject, picture: string): SidecarFacts {
  const seconds = isObject(record.photoTakenTime) ? Number(record.photoTakenTime.timestamp) : NaN;
  const isTakeout = Number.isFinite(seconds) || isObject(record.geoData);
  if (!isTakeout) return {};
  const taken = new Date(seconds * 1_000);
  return {
    takenAt: Number.isNaN(taken.getTime()) ? undefined : xmpMoment(taken.toISOString()),
    place: placeIn(record.geoData) ?? placeIn(record.geoDataExif),
    title: isFileName(record.title, picture) ? undefined : titleOf(record.title),
    description: plainText(record.description, maxDescription),
  };
}

function placeIn(value: unknown): Place | undefined {
  if (!isObject(value as never)) return undefined;
  const { latitude, longitude, altitude } = value as JsonObject;
  return placeOf(numberIn(latitude), numberIn(longitude), numberIn(altitude));
}

const numberIn = (value: unknown) => (typeof value === "number" ? value : undefined);

function placeOf(
  latitude: number | undefined,
  longitude: number | undefined,
  altitudeM: number | undefined,
): Place | undefined {
  if (latitude === undefined || longitude === undefined) return undefined;
  if (Math.abs(latitude) > 90 || Math.abs(longitude) > 180) return undefined;
  // Programs write zeros for "unknown".
  if (latitude === 0 && longitude === 0) return undefined;
  return { latitude, longitude, altitudeM: altitudeM === 0 ? undefined : altitudeM };
}

function titleOf(value: unknown): string | undefined {
  return plainText(typeof value === "string" ? value.replace(/\s+/g, " ") : value, maxTitle);
}

/** For a picture without a title, Google writes the file name as the title. */
function isFileName(title: unknown, picture: string): boolean {
  if (typeof title !== "string") return true;
  const stem = picture.replace(/\.[^.]*$/, "");
  return title === stem || /\.(?:jpe?g|png|webp|gif|avif|hei[cf])$/i.test(title);
}
