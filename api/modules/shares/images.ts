import { inlineAs } from "../../http/responses/content-disposition";
import { answerFile } from "../../http/responses/file-answer";
import { noSuchLink, type Visit } from "./gate";
import type { FindOutgoingFile, Size } from "./outgoing-file";

/** A revoke takes effect within a minute, also for images that a browser has cached. */
const cacheControl = "private, max-age=60";

/** Answers with an image of a link; the visitor has passed the gate for it. */
export async function answerImage(
  findOutgoingFile: FindOutgoingFile,
  request: Request,
  { photo, link }: Visit,
  size: Size,
): Promise<Response> {
  const outgoing = photo && (await findOutgoingFile(link, photo, size, { signal: request.signal }));
  if (!outgoing) throw noSuchLink();
  return answerFile(request, outgoing.content, {
    mimeType: outgoing.mimeType,
    etag: outgoing.etag,
    cacheControl,
    headers: { "content-disposition": inlineAs(outgoing.name) },
  });
}
