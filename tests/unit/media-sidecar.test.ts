import { describe, expect, test } from "bun:test";
import { joinFacts, readSidecar } from "#media/metadata/sidecar";

const namespaces = [
  'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"',
  'xmlns:exif="http://ns.adobe.com/exif/1.0/"',
  'xmlns:dc="http://purl.org/dc/elements/1.1/"',
].join(" ");
const packet = (attributes: string, inside = "") =>
  `<x:xmpmeta><rdf:RDF ${namespaces}><rdf:Description ${attributes}>${inside}</rdf:Description></rdf:RDF></x:xmpmeta>`;
const takeout = (record: object) =>
  JSON.stringify({ photoTakenTime: { timestamp: "0" }, ...record });
const read = (text: string) => readSidecar(text, "IMG_1.jpg");

describe("an XMP packet has", () => {
  test.each([
    ["2020-05-17T18:03:22.45+02:00", "2020-05-17T18:03:22.450", 120],
    ["2020-05-17T18:03:22Z", "2020-05-17T18:03:22.000", 0],
    ["2020-05-17T18:03", "2020-05-17T18:03:00.000", undefined],
    ["2020-05-17", "2020-05-17T00:00:00.000", undefined],
    ["2020:05:17 18:03:22", "2020-05-17T18:03:22.000", undefined],
  ])("a date written as %s", (written, wallClock, offsetMinutes) => {
    const { takenAt } = read(packet(`exif:DateTimeOriginal='${written}'`));
    expect(takenAt).toEqual({ wallClock, offsetMinutes });
  });

  test.each([
    ["48,51.5N", "2,21,0W", 48 + 51.5 / 60, -2.35],
    ["33,30,0S", "151,15.0E", -33.5, 151.25],
  ])("a place written as %s %s", (latitude, longitude, north, east) => {
    const { place } = read(
      packet(
        `exif:GPSLatitude="${latitude}" exif:GPSLongitude="${longitude}" exif:GPSAltitude="350/10" exif:GPSAltitudeRef="1"`,
      ),
    );
    expect(place?.latitude).toBeCloseTo(north, 9);
    expect(place?.longitude).toBeCloseTo(east, 9);
    expect(place?.altitudeM).toBe(-35);
  });

  test("the first of several titles, as text", () => {
    const list =
      '<dc:title>\n<rdf:Alt><rdf:li xml:lang="x-default">A &lt;b&gt;\n c</rdf:li><rdf:li>B</rdf:li></rdf:Alt></dc:title>';
    expect(read(packet("", list)).title).toBe("A <b> c");
  });
});

test("the JSON of a Google Takeout has times in UTC, also before 1970, and a file name is not its title", () => {
  const facts = read(takeout({ title: "IMG_1.jpg", photoTakenTime: { timestamp: "-86399" } }));
  expect(facts).toMatchObject({
    takenAt: { wallClock: "1969-12-31T00:00:01.000", offsetMinutes: 0 },
  });
  expect(facts.title).toBeUndefined();
  expect(read(takeout({ title: "Sunset at the pier" })).title).toBe("Sunset at the pier");
  const places = {
    geoData: { latitude: 0, longitude: 0 },
    geoDataExif: { latitude: 1, longitude: 2 },
  };
  expect(read(takeout(places)).place).toMatchObject({ latitude: 1, longitude: 2 });
});

test("a broken, foreign or hostile sidecar has no facts", () => {
  const hostile = [
    "",
    "{",
    "[]",
    '{"title":"of another program"}',
    "[".repeat(100_000),
    takeout({ photoTakenTime: { timestamp: "9e99" }, geoData: { latitude: 91, longitude: 0 } }),
    takeout({ photoTakenTime: { timestamp: "253402300800" }, geoData: [] }),
    packet(
      'exif:DateTimeOriginal="2020-02-30T00:00:00" exif:GPSLatitude="99,0N" exif:GPSLongitude="1,0E"',
    ),
    packet('exif:GPSLatitude="0,0N" exif:GPSLongitude="0,0E"'),
    packet("", "<dc:title>".repeat(50_000)),
    packet("", `<dc:title ${"a ".repeat(200_000)}`),
  ];
  for (const text of hostile) {
    const facts = Object.values(read(text)).filter((fact) => fact !== undefined);
    expect([text.slice(0, 80), facts]).toEqual([text.slice(0, 80), []]);
  }
});

test("each fact is taken from the first sidecar that has it", () => {
  expect(joinFacts([{ title: "a" }, { title: "b", description: "c" }])).toMatchObject({
    title: "a",
    description: "c",
  });
});
