import sharp from "sharp";
import { detail, gzipAnswer, html, plainText, userInterface, type Answer } from "./answers.ts";
import type { RouteFault } from "./control.ts";

/** The answer that replaces the real one; undefined for faults that do not replace it. */
export function replacementAnswer(fault: RouteFault): Answer | undefined {
  switch (fault.kind) {
    case "status_500_json":
      return detail(500, "Unexpected error while handling the request: database is locked");
    case "status_500_text":
      return plainText(500, "Internal Server Error");
    case "status_502_html":
      return html(
        502,
        "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>",
      );
    case "status_200_html":
      return userInterface();
    case "not_found":
      return detail(404, "Not Found");
    default:
      return undefined;
  }
}

/** The real answer, damaged. */
export async function damageAnswer(fault: RouteFault, answer: Answer): Promise<Answer> {
  switch (fault.kind) {
    case "truncated_png":
      return { ...answer, body: answer.body.subarray(0, Math.floor(answer.body.length / 2)) };
    case "gzipped":
      return gzipAnswer(answer);
    case "wrong_size_png":
      return { ...answer, body: await sharp(answer.body).resize(16, 16).png().toBuffer() };
    case "wrong_content_type":
      return {
        ...answer,
        headers: { ...answer.headers, "content-type": "text/plain; charset=utf-8" },
      };
    default:
      return answer;
  }
}
