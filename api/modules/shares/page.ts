import { renderOpenPage } from "../../pages/door";
import type { ApiDeps } from "../../deps";
import { buildAlbumPage } from "./album-page";
import { type Gate, noSuchLink } from "./gate";
import { answerPage, baseOf, orPage } from "./page-answer";
import { buildPhotoPage, buildSinglePage } from "./photo-page";

type Deps = Pick<ApiDeps, "database">;
type Visitor = { key: string; token: string | undefined };

/** A link's page: what is shared, the form for its password, or the button before a counted visit. */
export async function showPage(
  deps: Deps,
  gate: Gate,
  visitor: Visitor,
  options: { pageNumber: number; isLook: boolean; origin: string },
): Promise<Response> {
  return orPage(
    visitor.key,
    async () => {
      const looked = await gate.pass(visitor, { password: true, views: "left" });
      const base = baseOf(visitor.key);
      if (looked.link.maxViews !== null && !looked.grant.viewed) {
        return answerPage(renderOpenPage({ base }));
      }
      const isVisit = options.pageNumber === 1 && !options.isLook;
      const visit = isVisit ? await gate.pass(visitor, { password: true, views: "count" }) : looked;
      const { link, photo } = visit;
      return answerPage(
        link.albumId === null && photo
          ? buildSinglePage(link, photo, { ...options, base })
          : await buildAlbumPage(deps, visit, { ...options, base }),
      );
    },
    { wasTried: false },
  );
}

/** The page of one photo of a link; for who opened it, where visits are counted. */
export async function showPhotoPage(
  deps: Deps,
  gate: Gate,
  visitor: Visitor,
  at: { photoId: string; origin: string },
): Promise<Response> {
  return orPage(
    visitor.key,
    async () => {
      const wanted = { id: at.photoId, size: "preview" } as const;
      const visit = await gate.pass(visitor, { password: true, views: "held", photo: wanted });
      const { link, photo } = visit;
      if (!photo) throw noSuchLink();
      const base = baseOf(visitor.key);
      return answerPage(
        link.albumId === null
          ? buildSinglePage(link, photo, { ...at, base })
          : await buildPhotoPage(deps, { link, albumId: link.albumId, photo }, base),
      );
    },
    { wasTried: false },
  );
}
