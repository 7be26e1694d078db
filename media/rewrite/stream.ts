import type { StoredContent } from "../storage/storage";
import { bytesOf, type Piece } from "./pieces";
import { createReader } from "./reader";

const chunkBytes = 256 * 1024;
/** Shorter pieces are joined: each chunk costs a turn of the event loop, whatever its length. */
const joinedBytes = 64 * 1024;

/** Streams the bytes `start` to `end` (exclusive) of a copy in chunks, only as fast as they are consumed. */
export function streamPieces(
  source: StoredContent,
  pieces: readonly Piece[],
  start: number,
  end: number,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  // A request for one byte reads one byte.
  const reader = createReader(source, Math.min(end - start, chunkBytes));
  const parts = cutPieces(pieces, start, end);
  return new ReadableStream(
    {
      async pull(controller) {
        const short: Uint8Array[] = [];
        let bytes = 0;
        const sendShort = () =>
          bytes > 0 && controller.enqueue(new Uint8Array(Buffer.concat(short)));
        for (let next = parts.next(); !next.done; next = parts.next()) {
          const part = next.value;
          if ("to" in part && bytesOf(part) >= joinedBytes) {
            sendShort();
            return controller.enqueue(await source.slice(part.from, part.to).bytes());
          }
          // A view would keep the whole window in memory.
          short.push(
            "to" in part ? Uint8Array.from(await reader.exactly(part.from, bytesOf(part))) : part,
          );
          bytes += bytesOf(part);
          if (bytes >= chunkBytes) return void sendShort();
        }
        sendShort();
        controller.close();
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
