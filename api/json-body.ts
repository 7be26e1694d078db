import { Elysia } from "elysia";
import { AppError, invalid } from "#errors";
import { bodyChunks } from "./body-stream";

const maxBytes = 1024 * 1024;
const maxDepth = 32;

/** Reads every JSON body, bounded, as text a database can hold. Goes before the modules. */
export const jsonBody = new Elysia({ name: "json-body" }).onParse(
  { as: "global" },
  async ({ request }, contentType) => {
    // What is no JSON was let in because its route reads it by itself: null keeps all other hands off it.
    if (!isJson(contentType)) return null;
    return parseJson(await readText(request));
  },
);

/** `application/json` or a `+json` of it; parameters were cut off. */
export function isJson(contentType: string): boolean {
  return /^application\/(?:[\w.-]+\+)?json$/i.test(contentType.trim());
}

export function notJson(): AppError {
  return new AppError({
    kind: "unsupported_type",
    code: "unsupported_media_type",
    message: "Send the body as JSON: Content-Type: application/json.",
  });
}

async function readText(request: Request): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of bodyChunks(request)) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) {
      throw new AppError({
        kind: "too_large",
        code: "payload_too_large",
        message: `A JSON body may hold at most ${maxBytes} bytes.`,
      });
    }
    chunks.push(chunk);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw invalid("The body is not UTF-8.", [{ path: "", message: "not UTF-8" }]);
  }
}

export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("The body is not JSON.", [{ path: "", message: "not JSON" }]);
  }
  checkText(value, "", 1);
  return value;
}

/** Postgres holds neither NUL nor half a character, and nothing of ours nests deeply. */
function checkText(value: unknown, path: string, depth: number): void {
  if (typeof value === "string") {
    if (value.includes("\0") || !value.isWellFormed()) {
      const message = "holds a NUL or half a character";
      throw invalid("A text of the body cannot be stored.", [{ path, message }]);
    }
    return;
  }
  if (typeof value !== "object" || value === null) return;
  if (depth > maxDepth) {
    throw invalid(`The body is nested deeper than ${maxDepth} levels.`, [
      { path, message: "nested too deeply" },
    ]);
  }
  for (const [key, inner] of Object.entries(value)) {
    const innerPath = path === "" ? key : `${path}.${key}`;
    checkText(key, path, depth);
    checkText(inner, innerPath, depth + 1);
  }
}
