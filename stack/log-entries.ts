import { closeSync, writeSync } from "node:fs";

/**
 * Appends a program's standard error to its log, which has one JSON object per line. Other lines, from its runtime,
 * its libraries or a crash, become the message of a JSON entry; lines that arrive together share one. Closes the log
 * at the end of the stream.
 */
export async function writeAsEntries(
  stream: ReadableStream<Uint8Array>,
  logFd: number,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    write(logFd, toEntries(lines));
  }
  write(logFd, toEntries([rest]));
  closeSync(logFd);
}

/** As JSON, each line with its newline. */
function toEntries(lines: readonly string[]): string {
  let entries = "";
  let words: string[] = [];
  const flush = () => {
    const msg = words.join("\n").trim();
    const entry = { level: "warn", time: new Date().toISOString(), stream: "stderr", msg };
    if (msg !== "") entries += `${JSON.stringify(entry)}\n`;
    words = [];
  };
  for (const line of lines) {
    if (isEntry(line)) {
      flush();
      entries += `${line}\n`;
    } else words.push(line);
  }
  flush();
  return entries;
}

function isEntry(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null;
  } catch {
    return false;
  }
}

function write(logFd: number, entries: string): void {
  try {
    if (entries !== "") writeSync(logFd, entries);
  } catch {
    // On a full disk only this line is lost.
  }
}
