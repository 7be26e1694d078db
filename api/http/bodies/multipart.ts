import { invalid } from "#errors";
import { readDisposition } from "./part-disposition";

/** One part of a form. Its body must be read before the next part; an unread rest is skipped. */
export type Part = {
  name: string;
  /** Decoded; undefined for a plain field. */
  filename: string | undefined;
  headers: ReadonlyMap<string, string>;
  body: AsyncIterable<Uint8Array>;
};

const maxHeaderBytes = 16 * 1024;
const headersEnd = Buffer.from("\r\n\r\n");

/** The boundary of a multipart form; undefined when the content type names another kind of body. */
export function boundaryOf(contentType: string | null): string | undefined {
  if (!/^multipart\/form-data\s*(;|$)/i.test(contentType ?? "")) return undefined;
  const [, quoted, token] = /;\s*boundary=(?:"([^"]*)"|([^\s;]+))/i.exec(contentType ?? "") ?? [];
  const boundary = quoted ?? token ?? "";
  // RFC 2046 §5.1.1: 1 to 70 characters.
  if (/^[\x20-\x7e]{0,69}[\x21-\x7e]$/.test(boundary)) return boundary;
  throw malformed("its boundary is missing or too long");
}

/**
 * The parts of a form (RFC 7578) as they arrive; about one chunk is held in memory.
 * @throws AppError validation_error when it is malformed or ends too early
 */
export async function* multipartParts(
  source: AsyncIterable<Uint8Array>,
  boundary: string,
): AsyncGenerator<Part> {
  const input = createWindow(source);
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  // The delimiter starts with a line break, which the first one of a form lacks.
  input.prepend(Buffer.from("\r\n"));
  let preambleBytes = 0;
  for await (const ignored of until(input, delimiter)) {
    preambleBytes += ignored.byteLength;
    if (preambleBytes > maxHeaderBytes) throw malformed("it does not begin with its boundary");
  }

  while (await startsPart(input)) {
    const headers = parseHeaders(await readHeaders(input));
    const disposition = readDisposition(headers.get("content-disposition") ?? "");
    if (disposition === undefined) throw malformed("a part has no name");
    const body = until(input, delimiter);
    yield { ...disposition, headers, body };
    // Skips what the consumer left unread.
    for await (const _rest of body);
  }
}

type Window = {
  /** Bytes that were read and not yet taken. */
  held(): Buffer;
  take(bytes: number): Buffer;
  prepend(bytes: Buffer): void;
  /** Reads one more chunk; false at the end of the source. */
  more(): Promise<boolean>;
};

function createWindow(source: AsyncIterable<Uint8Array>): Window {
  const chunks = source[Symbol.asyncIterator]();
  let held: Buffer = Buffer.alloc(0);
  return {
    held: () => held,
    take(bytes) {
      const taken = held.subarray(0, bytes);
      held = held.subarray(bytes);
      return taken;
    },
    prepend(bytes) {
      held = Buffer.concat([bytes, held]);
    },
    async more() {
      const { done, value } = await chunks.next();
      if (done) return false;
      const chunk = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      return true;
    },
  };
}

/** The bytes up to the delimiter; the delimiter itself is consumed too. */
async function* until(input: Window, delimiter: Buffer): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const at = input.held().indexOf(delimiter);
    if (at !== -1) {
      const last = input.take(at);
      input.take(delimiter.length);
      if (last.length > 0) yield last;
      return;
    }
    const safe = input.held().length - partialLength(input.held(), delimiter);
    if (safe > 0) yield input.take(safe);
    if (!(await input.more())) throw malformed("it ends too early");
  }
}

/**
 * How many bytes at the end may be the start of a delimiter. Nearly always none: then nothing is held back, and the
 * next chunk needs no copy.
 */
function partialLength(held: Buffer, delimiter: Buffer): number {
  const from = Math.max(0, held.length - (delimiter.length - 1));
  for (let at = held.indexOf(delimiter[0] ?? 0, from); at !== -1;) {
    if (delimiter.subarray(0, held.length - at).equals(held.subarray(at))) return held.length - at;
    at = held.indexOf(delimiter[0] ?? 0, at + 1);
  }
  return 0;
}

/** Reads what follows a delimiter: a line break before the next part, or `--` at the end of the form. */
async function startsPart(input: Window): Promise<boolean> {
  for (;;) {
    const text = input.held().subarray(0, 128).toString("latin1");
    if (text.startsWith("--")) return false;
    const [padding] = /^[ \t]*\r\n/.exec(text) ?? [];
    if (padding !== undefined) {
      input.take(padding.length);
      return true;
    }
    if (!/^[ \t]{0,100}\r?$|^-?$/.test(text)) throw malformed("a boundary is followed by garbage");
    if (!(await input.more())) throw malformed("it ends too early");
  }
}

async function readHeaders(input: Window): Promise<string> {
  for (;;) {
    const at = input.held().indexOf(headersEnd);
    if (at !== -1 && at <= maxHeaderBytes) {
      const text = input.take(at).toString("utf8");
      input.take(headersEnd.length);
      return text;
    }
    if (input.held().length > maxHeaderBytes) throw malformed("the headers of a part are too long");
    if (!(await input.more())) throw malformed("it ends too early");
  }
}

function parseHeaders(text: string): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of text.replaceAll(/\r\n[ \t]+/g, " ").split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) {
      headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    }
  }
  return headers;
}

function malformed(reason: string): Error {
  return invalid(`The form could not be read: ${reason}.`, [{ path: "", message: reason }]);
}
