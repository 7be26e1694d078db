import { writeSync } from "node:fs";

/** Writes log lines. A line that cannot be written is lost and counted; the process goes on. */
export type Output = {
  /** Takes one or more complete lines, each with its newline. */
  write: (lines: string) => void;
  /** The number of lines lost since the start. */
  lostLines: () => number;
};

/** The reader of a pipe that is full for longer is considered stuck. */
const longestWaitMs = 50;

/**
 * Standard output. After lines were lost, for example on a full disk, the next successful write begins with their number.
 * @param writeSome writes some of the bytes, from the beginning, and returns how many
 */
export function createOutput(writeSome: (bytes: Uint8Array) => number = writeToStdout): Output {
  let lost = 0;
  let reported = 0;
  /** The log ends in the middle of a line. */
  let isTorn = false;

  function writeAll(bytes: Uint8Array): number {
    let written = 0;
    try {
      while (written < bytes.length) written += writeSome(bytes.subarray(written));
    } catch {
      // A full disk, no reader, a broken disk: there is nowhere to report it.
    }
    return written;
  }

  return {
    write(lines) {
      const head = `${isTorn ? "\n" : ""}${lost > reported ? notice(lost - reported) : ""}`;
      const bytes = Buffer.from(head + lines);
      const written = writeAll(bytes);
      if (written > 0) isTorn = bytes[written - 1] !== newline;
      const headBytes = Buffer.byteLength(head);
      if (written >= headBytes) reported = lost;
      lost += countLines(bytes.subarray(Math.max(written, headBytes)));
    },
    lostLines: () => lost,
  };
}

/** Without a listener, an error of these streams, such as a library logging to a full disk, ends the process. */
export function ignoreStreamFaults(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
}

const newline = 10;

function countLines(bytes: Uint8Array): number {
  return bytes.reduce((count, byte) => (byte === newline ? count + 1 : count), 0);
}

function notice(lost: number): string {
  const time = new Date().toISOString();
  return `${JSON.stringify({ level: "warn", time, lost, msg: "log lines were lost" })}\n`;
}

function writeToStdout(bytes: Uint8Array): number {
  for (let waitedMs = 0; ; waitedMs += 1) {
    try {
      return writeSync(1, bytes);
    } catch (error) {
      const isFullPipe = (error as NodeJS.ErrnoException).code === "EAGAIN";
      if (!isFullPipe || waitedMs >= longestWaitMs) throw error;
      Bun.sleepSync(1);
    }
  }
}
