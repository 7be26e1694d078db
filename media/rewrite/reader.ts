import type { StoredContent } from "../storage/storage";
import { UnsupportedStructure } from "./pieces";

const maxWindowBytes = 256 * 1024;
/** Only a crafted file takes more: a long animation or a picture in small blocks takes a tenth of it. */
const maxReads = 250_000;

/**
 * Random access to a file, with one window of it in memory. Both read methods throw UnsupportedStructure after too many
 * reads.
 */
export type Reader = {
  readonly bytes: number;
  /** The bytes available from `at`, at least one and at most to the end of the window; empty at the end of the file. */
  from(at: number): Promise<Buffer>;
  /**
   * Exactly `length` bytes.
   * @throws UnsupportedStructure when the file ends before them
   */
  exactly(at: number, length: number): Promise<Buffer>;
};

export function createReader(source: StoredContent, windowBytes = maxWindowBytes): Reader {
  let window: Buffer = Buffer.alloc(0);
  let windowAt = 0;
  let reads = 0;

  function countRead(): void {
    reads += 1;
    if (reads > maxReads) throw new UnsupportedStructure("too many reads");
  }

  async function load(at: number, length: number): Promise<void> {
    const end = Math.min(at + Math.max(length, windowBytes), source.size);
    const { buffer, byteOffset, byteLength } = await source.slice(at, Math.max(at, end)).bytes();
    // The same memory, not a copy.
    window = Buffer.from(buffer, byteOffset, byteLength);
    windowAt = at;
  }

  const isHeld = (at: number, length: number) =>
    at >= windowAt && at + length <= windowAt + window.length;

  return {
    bytes: source.size,

    async from(at) {
      countRead();
      if (!isHeld(at, 1)) await load(at, 1);
      return window.subarray(at - windowAt);
    },

    async exactly(at, length) {
      countRead();
      if (at + length > source.size) throw new UnsupportedStructure("ends too early");
      if (!isHeld(at, length)) await load(at, length);
      return window.subarray(at - windowAt, at - windowAt + length);
    },
  };
}
