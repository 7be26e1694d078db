import { t } from "elysia";
import type { RouteDeps } from "../../deps";
import { unlessDatabaseIsAway } from "../../http/database-watch";
import { withEarlyAnswer } from "../../http/early-answer";
import { faults } from "../../http/error-body";
import { imageDetail } from "../../http/responses/file-answer";
import { createModule } from "../../http/module";
import type { IncomingRequest } from "../../http/request";
import { publicRoute } from "../../http/routes";
import type { Gate } from "./gate";
import { answerImage } from "./images";
import type { FindOutgoingFile, Size } from "./outgoing-file";
import { answerPublic, tokenOf } from "./public-answer";

/** The images of a link, both below its page and, for programs, below the api's path. */
export function createImageRoutes(
  { databaseIsAway }: Pick<RouteDeps, "databaseIsAway">,
  { gate, findOutgoingFile }: { gate: Gate; findOutgoingFile: FindOutgoingFile },
  prefix: "/s" | "/api/v1/share",
) {
  type Asked = { key: string; photo_id: string };

  function answer(incoming: IncomingRequest, { key, photo_id: id }: Asked, size: Size) {
    return answerPublic(incoming, async () => {
      const visitor = { key, token: tokenOf(incoming) };
      const want = { password: true, views: "held", photo: { id, size } } as const;
      return answerImage(findOutgoingFile, incoming.request, await gate.pass(visitor, want), size);
    });
  }

  const image = (size: Size) =>
    withEarlyAnswer(
      // The gate validates key and id, so nothing is lost without the framework's checks.
      async (incoming, { key = "", photo_id = "" }) =>
        unlessDatabaseIsAway(() => answer(incoming, { key, photo_id }, size), databaseIsAway),
      ({ incoming, params }: { incoming: IncomingRequest; params: Asked }) =>
        answer(incoming, params, size),
    );

  const about = (summary: string, type: "image/webp" | "image/*" = "image/webp") => ({
    params: t.Object({ key: t.String(), photo_id: t.String() }),
    response: faults(401, 404, 416, 429),
    detail: { ...publicRoute, ...imageDetail(summary, type) },
  });

  return createModule({ prefix, tags: ["shared"] })
    .get("/:key/photos/:photo_id/thumbnail", image("thumbnail"), about("A thumbnail, WebP"))
    .get("/:key/photos/:photo_id/preview", image("preview"), about("A preview, WebP"))
    .get(
      "/:key/photos/:photo_id/original",
      image("original"),
      about(
        "The original; without show_metadata a copy without metadata; the preview where neither can be sent",
        "image/*",
      ),
    );
}
