import { Elysia, t } from "elysia";
import { faults } from "../../error-body";
import { imageDetail } from "../../file-answer";
import { publicRoute } from "../../route-table";
import type { Gate } from "./gate";
import { answerImage } from "./images";
import type { FindLeaving, Size } from "./leaving";
import { answerPublic, tokenOf } from "./public-answer";

/** The pictures of a link, below the address of its page and, for programs, below the one of the api. */
export function createImageRoutes(
  gate: Gate,
  findLeaving: FindLeaving,
  prefix: "/s" | "/api/v1/share",
) {
  const image =
    (size: Size) =>
    ({ params, request }: { params: { key: string; photo_id: string }; request: Request }) =>
      answerPublic(request, async () => {
        const photo = { id: params.photo_id, size };
        const visitor = { key: params.key, token: tokenOf(request) };
        const visit = await gate.pass(visitor, { password: true, views: "held", photo });
        return answerImage(findLeaving, request, visit, size);
      });

  const about = (summary: string, type: "image/webp" | "image/*" = "image/webp") => ({
    params: t.Object({ key: t.String(), photo_id: t.String() }),
    response: faults(401, 404, 416),
    detail: { ...publicRoute, ...imageDetail(summary, type) },
  });

  return new Elysia({ prefix, normalize: false, tags: ["shared"] })
    .get("/:key/photos/:photo_id/thumbnail", image("thumbnail"), about("A thumbnail, WebP"))
    .get("/:key/photos/:photo_id/preview", image("preview"), about("A preview, WebP"))
    .get(
      "/:key/photos/:photo_id/original",
      image("original"),
      about("The original; without show_metadata a copy that carries its pixels alone", "image/*"),
    );
}
