/**
 * What is different in a copy; its pixels never are.
 * `strip`: only what the pixels need to look right stays, which is the colour profile and this orientation (1 to 8).
 * `stamp`: everything stays, and this XMP packet takes the place of the one that was there.
 */
export type Change =
  | Readonly<{ kind: "strip"; orientation: number }>
  | Readonly<{ kind: "stamp"; xmp: string }>;

/**
 * EXIF that says how a picture is turned, and nothing else; undefined for one that stands upright.
 * TIFF 6.0: header, one directory of one entry (0x0112, SHORT), no next one.
 */
export function orientationExif(orientation: number): Buffer | undefined {
  if (orientation === 1) return undefined;
  return Buffer.from(`49492a0008000000010012010300010000000${orientation}00000000000000`, "hex");
}
