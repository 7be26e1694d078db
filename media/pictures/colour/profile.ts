import type { Curve } from "./transfer";

type Chromaticity = readonly [x: number, y: number];
/** Red, green, blue and white. */
export type Primaries = readonly [Chromaticity, Chromaticity, Chromaticity, Chromaticity];

type Vector = readonly [number, number, number];
type Matrix = readonly [Vector, Vector, Vector];

/** The white point of profiles (ICC.1:2022, 7.2.16). */
const d50: Vector = [0.9642, 1, 0.8249];
/** From XYZ to cone responses, by Bradford (ICC.1:2022, annex E). */
const bradford: Matrix = [
  [0.8951, 0.2664, -0.1614],
  [-0.7502, 1.7135, 0.0367],
  [0.0389, -0.0685, 1.0296],
];
const curvePoints = 4096;
const headerBytes = 128;

/** Builds an ICC profile (ICC.1:2022, three-component matrix) from primaries and a curve. */
export function buildProfile(primaries: Primaries, curve: Curve): Uint8Array {
  const { colorants, adaptation } = adaptToD50(primaries);
  const points = Buffer.alloc(4 + 2 * curvePoints);
  points.writeUInt32BE(curvePoints, 0);
  for (let at = 0; at < curvePoints; at += 1) {
    const light = Math.min(1, Math.max(0, curve(at / (curvePoints - 1))));
    points.writeUInt16BE(Math.round(65_535 * light), 4 + 2 * at);
  }
  const trc = element("curv", points);
  const column = (at: 0 | 1 | 2) => element("XYZ ", ...colorants.map((row) => fixed(row[at])));
  return assemble([
    ["desc", text("Code points")],
    ["cprt", text("None")],
    ["wtpt", element("XYZ ", ...d50.map(fixed))],
    ["chad", element("sf32", ...adaptation.flat().map(fixed))],
    ["rXYZ", column(0)],
    ["gXYZ", column(1)],
    ["bXYZ", column(2)],
    ["rTRC", trc],
    ["gTRC", trc],
    ["bTRC", trc],
  ]);
}

/** The columns of the matrix from linear RGB to XYZ under D50, and the chromatic adaptation of the white point. */
function adaptToD50(primaries: Primaries): { colorants: Matrix; adaptation: Matrix } {
  const [red, green, blue, white] = primaries.map(([x, y]): Vector => [
    x / y,
    1,
    (1 - x - y) / y,
  ]) as [Vector, Vector, Vector, Vector];
  const mixed = transpose([red, green, blue]);
  const scale = apply(invert(mixed), white);
  const toXyz = multiply(mixed, diagonal(scale));
  const [from, to] = [apply(bradford, white), apply(bradford, d50)];
  const gains = to.map((value, at) => value / from[at]!) as unknown as Vector;
  const adaptation = multiply(invert(bradford), multiply(diagonal(gains), bradford));
  return { colorants: multiply(adaptation, toXyz), adaptation };
}

function assemble(tags: [signature: string, data: Buffer][]): Uint8Array {
  const places = new Map<Buffer, number>();
  let size = headerBytes + 4 + 12 * tags.length;
  for (const [, data] of tags) {
    if (places.has(data)) continue;
    places.set(data, size);
    size += Math.ceil(data.length / 4) * 4;
  }
  const profile = Buffer.alloc(size);
  profile.writeUInt32BE(size, 0);
  profile.writeUInt32BE(0x04_40_00_00, 8);
  profile.write("mntrRGB XYZ ", 12, "latin1");
  profile.write("acsp", 36, "latin1");
  Buffer.concat(d50.map(fixed)).copy(profile, 68);
  profile.writeUInt32BE(tags.length, headerBytes);
  for (const [index, [signature, data]] of tags.entries()) {
    const at = headerBytes + 4 + 12 * index;
    profile.write(signature, at, "latin1");
    profile.writeUInt32BE(places.get(data)!, at + 4);
    profile.writeUInt32BE(data.length, at + 8);
    data.copy(profile, places.get(data)!);
  }
  return profile;
}

function element(type: string, ...content: Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(type, "latin1"), Buffer.alloc(4), ...content]);
}

/** `multiLocalizedUnicodeType` with one record. */
function text(words: string): Buffer {
  const encoded = Buffer.from(words, "utf16le").swap16();
  const head = Buffer.alloc(20);
  head.writeUInt32BE(1, 0);
  head.writeUInt32BE(12, 4);
  head.write("enUS", 8, "latin1");
  head.writeUInt32BE(encoded.length, 12);
  head.writeUInt32BE(28, 16);
  return element("mluc", head, encoded);
}

/** `s15Fixed16Number`. */
function fixed(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(Math.round(value * 65_536));
  return bytes;
}

const dot = (a: Vector, b: Vector) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const apply = (matrix: Matrix, vector: Vector): Vector => [
  dot(matrix[0], vector),
  dot(matrix[1], vector),
  dot(matrix[2], vector),
];
const transpose = ([a, b, c]: Matrix): Matrix => [
  [a[0], b[0], c[0]],
  [a[1], b[1], c[1]],
  [a[2], b[2], c[2]],
];
const diagonal = ([a, b, c]: Vector): Matrix => [
  [a, 0, 0],
  [0, b, 0],
  [0, 0, c],
];

function multiply(left: Matrix, right: Matrix): Matrix {
  const columns = transpose(right);
  return [apply(columns, left[0]), apply(columns, left[1]), apply(columns, left[2])];
}

function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function invert([a, b, c]: Matrix): Matrix {
  const determinant = dot(a, cross(b, c));
  const divided = (vector: Vector): Vector => [
    vector[0] / determinant,
    vector[1] / determinant,
    vector[2] / determinant,
  ];
  return transpose([divided(cross(b, c)), divided(cross(c, a)), divided(cross(a, b))]);
}
