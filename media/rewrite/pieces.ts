/** A range of the file, or inserted bytes. */
export type Piece = Readonly<{ from: number; to: number }> | Uint8Array;

/** The file has a structure that is not supported here; the copy is re-encoded instead. */
export class UnsupportedStructure extends Error {
  override readonly name = "UnsupportedStructure";
}

/** Only a crafted file has more pieces: an animation of a thousand frames has five thousand. */
const maxPieces = 6_000;
/** The most bytes that are added to a file: an XMP packet, and a few bytes for each frame. */
const maxAddedBytes = 256 * 1024;

export type Pieces = {
  keep(from: number, to: number): void;
  add(bytes: Uint8Array): void;
  readonly list: readonly Piece[];
};

/** Collects the pieces of a copy; adjacent ranges are merged. */
export function createPieces(): Pieces {
  const list: Piece[] = [];
  let addedBytes = 0;
  const push = (piece: Piece) => {
    if (list.push(piece) > maxPieces) throw new UnsupportedStructure("too many pieces");
  };
  return {
    list,
    keep(from, to) {
      const last = list.at(-1);
      if (last && "to" in last && last.to === from) list[list.length - 1] = { from: last.from, to };
      else if (to > from) push({ from, to });
    },
    add(bytes) {
      addedBytes += bytes.length;
      if (addedBytes > maxAddedBytes) throw new UnsupportedStructure("too much to add");
      push(bytes);
    },
  };
}

export const bytesOf = (piece: Piece): number =>
  "to" in piece ? piece.to - piece.from : piece.byteLength;

export function sumBytes(pieces: readonly Piece[]): number {
  let sum = 0;
  for (const piece of pieces) sum += bytesOf(piece);
  return sum;
}
