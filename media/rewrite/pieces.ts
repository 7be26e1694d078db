/** Bytes of the file as they are, or bytes of our own. */
export type Piece = Readonly<{ from: number; to: number }> | Uint8Array;

/** A file this build does not read to its end with certainty; it is decoded and made anew instead. */
export class NotUnderstood extends Error {
  override readonly name = "NotUnderstood";
}

/** A file made of more pieces was made to be so: none that a camera or an editor writes comes near. */
const maxPieces = 20_000;
const chunkBytes = 256 * 1024;

export type Pieces = {
  keep(from: number, to: number): void;
  add(bytes: Uint8Array): void;
  readonly list: readonly Piece[];
};

/** Collects what a copy is made of; neighbours become one piece. */
export function createPieces(): Pieces {
  const list: Piece[] = [];
  const push = (piece: Piece) => {
    if (list.push(piece) > maxPieces) throw new NotUnderstood("too many pieces");
  };
  return {
    list,
    keep(from, to) {
      const last = list.at(-1);
      if (last && "to" in last && last.to === from) list[list.length - 1] = { from: last.from, to };
      else if (to > from) push({ from, to });
    },
    add: push,
  };
}

const bytesOf = (piece: Piece): number =>
  "to" in piece ? piece.to - piece.from : piece.byteLength;

export function sumBytes(pieces: readonly Piece[]): number {
  let sum = 0;
  for (const piece of pieces) sum += bytesOf(piece);
  return sum;
}

/** The bytes `start` to `end` (exclusive) of a copy, a chunk at a time and only as fast as they are taken. */
export function streamPieces(
  source: Blob,
  pieces: readonly Piece[],
  start: number,
  end: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const chunks = cutPieces(pieces, start, end);
  return new ReadableStream(
    {
      async pull(controller) {
        const { value: piece, done } = chunks.next();
        if (done) return controller.close();
        controller.enqueue(
          "to" in piece ? await source.slice(piece.from, piece.to).bytes() : new Uint8Array(piece),
        );
      },
    },
    { highWaterMark: 0 },
  );
}

function* cutPieces(pieces: readonly Piece[], start: number, end: number): Generator<Piece> {
  let at = 0;
  for (const piece of pieces) {
    const from = Math.max(start - at, 0);
    const to = Math.min(end - at, bytesOf(piece));
    for (let cut = from; cut < to; cut += chunkBytes) {
      const stop = Math.min(cut + chunkBytes, to);
      yield "to" in piece
        ? { from: piece.from + cut, to: piece.from + stop }
        : piece.subarray(cut, stop);
    }
    at += bytesOf(piece);
    if (at >= end) return;
  }
}
