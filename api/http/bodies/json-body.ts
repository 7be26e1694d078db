import { AppError, invalid } from "#errors";
import { readBody } from "./body-stream";
import { parseJson } from "./json-text";
import { readStepForm, stepFormBoundary } from "./step-form";
import { createModule } from "../module";
import type { IncomingRequest } from "../request";

const maxBytes = 1024 * 1024;
/** Far above the longest list that a route accepts. */
const bounds = { maxValues: 10_000, maxDepth: 32 };
/** The limit of routes that need no token: enough for a token or a password. */
const openBytes = 4_096;

/** Parses every JSON body, within limits; its texts can be stored in Postgres. Must be added before the modules. */
export const jsonBody = createModule({ name: "json-body" }).onParse(
  { as: "global" },
  async ({ incoming }, contentType) => {
    const boundary = stepFormBoundary(incoming);
    if (boundary !== undefined) {
      return parseJson(decode(await readStepForm(incoming, boundary, maxBytes)), bounds);
    }
    // Other types are read by their routes; null stops Elysia's own parsers.
    if (!isJson(contentType)) return null;
    return parseJson(await readText(incoming), bounds);
  },
);

/** Whether a type without its parameters is `application/json` or `application/…+json`. */
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

async function readText(incoming: IncomingRequest): Promise<string> {
  const allowedBytes = incoming.isOpenToAll ? openBytes : maxBytes;
  return decode(await readBody(incoming, allowedBytes, "A JSON body"));
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalid("The body is not UTF-8.", [{ path: "", message: "not UTF-8" }]);
  }
}
