import { NotUnderstood } from "./pieces";

const windowBytes = 256 * 1024;

/** Reads a file here and there, a window of it in memory. */
export type Reader = {
  readonly bytes: number;
  /** What there is from `at`, at least one byte and up to the end of the window; empty at the file's end. */
  from(at: number): Promise<Buffer>;
  /**
   * Exactly `length` bytes.
   * @throws NotUnderstood where the file ends before them
   */
  exactly(at: number, length: number): Promise<Buffer>;
};

export function createReader(source: Blob): Reader {
  let window = Buffer.alloc(0);
  let windowAt = 0;

  async function load(at: number, length: number): Promise<void> {
    const end = Math.min(at + Math.max(length, windowBytes), source.size);
    window = Buffer.from(await source.slice(at, Math.max(at, end)).arrayBuffer());
    windowAt = at;
  }

  const isHeld = (at: number, length: number) =>
    at >= windowAt && at + length <= windowAt + window.length;

  return {
    bytes: source.size,

    async from(at) {
      if (!isHeld(at, 1)) await load(at, 1);
      return window.subarray(at - windowAt);
    },

    async exactly(at, length) {
      if (at + length > source.size) throw new NotUnderstood("ends too early");
      if (!isHeld(at, length)) await load(at, length);
      return window.subarray(at - windowAt, at - windowAt + length);
    },
  };
}
