import type { IncomingRequest } from "../../http/request";
import { noSuchLink } from "./gate";
import { answerGone } from "./page-answer";
import { answerPublic } from "./public-answer";

/** The answer to an unknown path below a link: the same as for a link that does not exist. */
export function answerNoLink(incoming: IncomingRequest): Promise<Response> {
  const isPage = new URL(incoming.request.url).pathname.startsWith("/s/");
  return answerPublic(incoming, async () => {
    if (isPage) return answerGone();
    throw noSuchLink();
  });
}
