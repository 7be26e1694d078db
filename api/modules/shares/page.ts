import { renderOpenPage } from "../../pages/forms";
import type { ApiDeps } from "../../deps";
import { buildAlbumPage } from "./album-page";
import { type Gate, type IssuedToken, noSuchLink, type Visit } from "./gate";
import { answerPage, baseOf, withErrorPages } from "./page-answer";
import { buildPhotoPage, buildSinglePage } from "./photo-page";

type Deps = Pick<ApiDeps, "database">;
type Visitor = { key: string; token: string | undefined };

/** A link's page: what is shared, the password form, or the Open button where visits are limited. */
export async function showPage(
  deps: Deps,
  gate: Gate,
  visitor: Visitor,
  options: { pageNumber: number; isUncounted: boolean; origin: string },
): Promise<Response> {
  return withErrorPages(
    visitor.key,
    async () => {
      const visit = await gate.pass(visitor, { password: true, views: "left" });
      if (visit.link.maxViews !== null && visit.grant.visitEndsAt === null) {
        return answerPage(renderOpenPage({ base: baseOf(visitor.key) }));
      }
      const answer = await answerShared(deps, visit, { ...options, base: baseOf(visitor.key) });
      if (options.pageNumber === 1 && !options.isUncounted) await gate.count(visit);
      return answer;
    },
    { wasTried: false },
  );
}

/** Handles the Open button of a link with limited visits; a visit is counted only if its page could be built. */
export async function openPage(
  deps: Deps,
  gate: Gate,
  visitor: Visitor,
  origin: string,
): Promise<IssuedToken | undefined> {
  const visit = await gate.pass(visitor, { password: true, views: "left" });
  await answerShared(deps, visit, { base: baseOf(visitor.key), origin, pageNumber: 1 });
  return gate.count(visit);
}

async function answerShared(
  deps: Deps,
  visit: Visit,
  at: { base: string; origin: string; pageNumber: number },
): Promise<Response> {
  const { link, photo } = visit;
  return answerPage(
    link.albumId === null && photo
      ? buildSinglePage(link, photo, at)
      : await buildAlbumPage(deps, visit, at),
  );
}

/** The page of one photo of a link; where visits are limited, only for visitors with a counted visit. */
export async function showPhotoPage(
  deps: Deps,
  gate: Gate,
  visitor: Visitor,
  at: { photoId: string; origin: string },
): Promise<Response> {
  return withErrorPages(
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
