/**
 * How a copy's metadata differs; its pixels stay the same. `strip` keeps only what correct display needs: the colour
 * profile and this orientation (1 to 8). `stamp` keeps everything, but replaces the XMP packet with this one.
 */
export type Change =
  | Readonly<{ kind: "strip"; orientation: number }>
  | Readonly<{ kind: "stamp"; xmp: string }>;

/**
 * EXIF that holds only the orientation; undefined for an upright picture. TIFF 6.0: header, one directory of one entry
 * (0x0112, SHORT), no next one.
 */
export function orientationExif(orientation: number): Buffer | undefined {
  if (orientation === 1) return undefined;
  return Buffer.from(`49492a0008000000010012010300010000000${orientation}00000000000000`, "hex");
}
