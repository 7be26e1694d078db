/**
 * The `name` and `filename` of a part's Content-Disposition (RFC 6266 as used by RFC 7578). `filename*` takes precedence
 * over `filename`; encoded words (RFC 2047) and the `%22`, `%0D` and `%0A` that browsers write are decoded.
 * Undefined when the header is not of type form-data, has no name, or cannot be parsed.
 */
export function readDisposition(
  header: string,
): { name: string; filename: string | undefined } | undefined {
  const parameters = readParameters(header);
  const name = parameters?.get("name");
  if (parameters === undefined || name === undefined) return undefined;
  const extended = decodeExtended(parameters.get("filename*"));
  const plain = parameters.get("filename");
  return {
    name: unescapePercent(name),
    filename: extended ?? (plain === undefined ? undefined : decodeWords(unescapePercent(plain))),
  };
}

/** If a parameter occurs twice, the first counts. */
function readParameters(header: string): Map<string, string> | undefined {
  const type = /^\s*form-data\s*(?=;|$)/i.exec(header);
  if (type === null) return undefined;
  const parameters = new Map<string, string>();
  let at = type[0].length;
  while (at < header.length) {
    const next = /\s*;\s*(?:([^\s=;"]+)\s*=\s*)?/y;
    next.lastIndex = at;
    const found = next.exec(header);
    if (found === null) return header.slice(at).trim() === "" ? parameters : undefined;
    at = next.lastIndex;
    if (found[1] === undefined) continue;
    const value = header[at] === '"' ? readQuoted(header, at) : readToken(header, at);
    if (value === undefined) return undefined;
    const key = found[1].toLowerCase();
    if (!parameters.has(key)) parameters.set(key, value.text);
    at = value.end;
  }
  return parameters;
}

/** A backslash escapes only a quote or a backslash and is literal elsewhere: browsers do not escape backslashes. */
function readQuoted(header: string, from: number): { text: string; end: number } | undefined {
  let text = "";
  for (let at = from + 1; at < header.length; at += 1) {
    const character = header[at]!;
    if (character === '"') return { text, end: at + 1 };
    const next = header[at + 1];
    const isEscape = character === "\\" && (next === '"' || next === "\\");
    if (isEscape) at += 1;
    text += isEscape ? next : character;
  }
  return undefined;
}

function readToken(header: string, from: number): { text: string; end: number } {
  const end = header.indexOf(";", from);
  const stop = end === -1 ? header.length : end;
  return { text: header.slice(from, stop).trim(), end: stop };
}

function unescapePercent(text: string): string {
  return text.replaceAll(/%(?:22|0D|0A)/gi, (code) => decodeURIComponent(code));
}

/** RFC 8187: charset, language, bytes in percent-encoding. */
function decodeExtended(value: string | undefined): string | undefined {
  const [, charset, encoded] = /^([\w.:-]+)'[^']*'(.*)$/s.exec(value ?? "") ?? [];
  if (charset === undefined || encoded === undefined || /%(?![0-9a-f]{2})/i.test(encoded)) {
    return undefined;
  }
  return decodeBytes(bytesOfEscapes(encoded, /%([0-9a-f]{2})/gi), charset);
}

const encodedWord = /=\?([\w.:-]+)(?:\*[\w-]*)?\?([bq])\?([^?\s]*)\?=/gi;
const runOfWords = new RegExp(`${encodedWord.source}(?:\\s+${encodedWord.source})*`, "gi");

/** Adjacent words of one charset are decoded together, as a character may be split between them. Undecodable words stay. */
function decodeWords(text: string): string {
  return text.replaceAll(runOfWords, (run) => {
    const words = [...run.matchAll(encodedWord)].map(
      ([, charset = "", encoding = "", body = ""]) => ({
        charset: charset.toLowerCase(),
        bytes:
          encoding.toLowerCase() === "b"
            ? Buffer.from(body, "base64")
            : bytesOfEscapes(body.replaceAll("_", " "), /=([0-9a-f]{2})/gi),
      }),
    );
    const isOneCharset = words.every((word) => word.charset === words[0]!.charset);
    const texts = isOneCharset
      ? [decodeBytes(Buffer.concat(words.map((word) => word.bytes)), words[0]!.charset)]
      : words.map((word) => decodeBytes(word.bytes, word.charset));
    return texts.includes(undefined) ? run : texts.join("");
  });
}

function bytesOfEscapes(text: string, escape: RegExp): Buffer {
  const bytes = Buffer.from(text, "utf8").toString("latin1");
  const plain = bytes.replaceAll(escape, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
  return Buffer.from(plain, "latin1");
}

/** Undefined for an unknown charset, and for bytes that are not valid in it. */
function decodeBytes(bytes: Buffer, charset: string): string | undefined {
  try {
    return new TextDecoder(charset, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
