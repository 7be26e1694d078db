import { inlineAs } from "../../content-disposition";
import { answerFile } from "../../file-answer";
import { noSuchLink, type Visit } from "./gate";
import type { FindLeaving, Size } from "./leaving";

/** A revoked link bites within a minute, also for pictures that are open in a browser. */
const cacheControl = "private, max-age=60";

/** A picture of a link, for a visitor who passed the gate for it. */
export async function answerImage(
  findLeaving: FindLeaving,
  request: Request,
  { photo, link }: Visit,
  size: Size,
): Promise<Response> {
  const leaving = photo && (await findLeaving(link, photo, size));
  if (!leaving) throw noSuchLink();
  return answerFile(request, leaving.content, {
    mimeType: leaving.mimeType,
    etag: leaving.etag,
    cacheControl,
    headers: { "content-disposition": inlineAs(leaving.name) },
  });
}
