import { bodyOf, type Content } from "#media/storage/content";
import { isKnown } from "../../lists/lists";

/** A file that is an image and also an HTML page cannot run scripts. */
const imagePolicy = "default-src 'none'; sandbox";

/**
 * Answers with a stored file or with content made from one: all of it, the requested range (RFC 9110 §14), or 304.
 * @param about.mimeType the detected type, never one that an upload claimed
 * @param about.etag strong, with its quotes
 */
export function answerFile(
  request: Request,
  file: Content,
  about: { mimeType: string; etag: string; cacheControl: string; headers?: Record<string, string> },
): Response {
  const shared = {
    etag: about.etag,
    "cache-control": about.cacheControl,
    "accept-ranges": "bytes",
    "content-security-policy": imagePolicy,
    ...about.headers,
  };
  if (isKnown(request.headers.get("if-none-match"), about.etag)) {
    return new Response(null, { status: 304, headers: shared });
  }
  const headers = { ...shared, "content-type": about.mimeType };
  const range = rangeOf(request, about.etag, file.bytes);
  if (range === "unsatisfiable") {
    const unsatisfied = { ...shared, "content-range": `bytes */${file.bytes}` };
    return new Response(null, { status: 416, headers: unsatisfied });
  }
  if (range === "whole") {
    return new Response(bodyOf(file), {
      headers: { ...headers, "content-length": `${file.bytes}` },
    });
  }
  const { start, end } = range;
  return new Response(bodyOf(file, { start, end: end + 1 }), {
    status: 206,
    headers: {
      ...headers,
      "content-range": `bytes ${start}-${end}/${file.bytes}`,
      "content-length": `${end - start + 1}`,
    },
  });
}

type Range = { start: number; end: number } | "whole" | "unsatisfiable";

/** One range is supported; for several ranges or an unknown form the whole file is sent, as the RFC allows. */
function rangeOf(request: Request, etag: string, bytes: number): Range {
  const [, first = "", last = ""] =
    /^bytes=(\d*)-(\d*)$/.exec(request.headers.get("range")?.trim() ?? "") ?? [];
  if (first === "" && last === "") return "whole";
  const ifRange = request.headers.get("if-range");
  if (ifRange !== null && ifRange !== etag) return "whole";
  if (first === "") {
    const suffix = Math.min(Number(last), bytes);
    return suffix === 0 ? "unsatisfiable" : { start: bytes - suffix, end: bytes - 1 };
  }
  const start = Number(first);
  const end = last === "" ? bytes - 1 : Math.min(Number(last), bytes - 1);
  if (last !== "" && Number(last) < start) return "whole";
  return start >= bytes ? "unsatisfiable" : { start, end };
}

/** The `detail` of a route that answers with an image. */
export function imageDetail(summary: string, type: "image/webp" | "image/*" = "image/webp") {
  const content = { [type]: { schema: { type: "string" as const, format: "binary" } } };
  return {
    summary,
    responses: {
      200: { description: "The picture", content },
      206: { description: "The requested range", content },
      304: { description: "Not changed" },
    },
  };
}
