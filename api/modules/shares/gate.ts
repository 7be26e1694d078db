import { countView, findSharedByKeyHash } from "#db/queries/shares/shares";
import type { Photo } from "#db/schema/photos";
import type { ShareLink } from "#db/schema/shares";
import { AppError, notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import { isUuid } from "../../fields/ids";
import { hashAccessKey } from "./key";
import { createToken, dayAfter, type Grant, readToken } from "./token";

/**
 * What a route requires of a visitor.
 * `password`: the password must have been given. `views`, on a link that limits its visits: `held` requires a counted
 * visit of this visitor, `left` requires that or a remaining visit.
 */
type Want = {
  password: boolean;
  views: "held" | "left";
  photo?: { id: string; size: "thumbnail" | "preview" | "original" };
  /** All originals in one archive. */
  download?: true;
};

/** A visitor who passed: the link, what the token grants, and the requested photo or the link's own photo. */
export type Visit = { link: ShareLink; grant: Grant; photo: Photo | undefined };

export type IssuedToken = { token: string; expiresAt: Date };

export type Gate = {
  pass(visitor: { key: string; token: string | undefined }, want: Want): Promise<Visit>;
  /**
   * Counts a visit, unless this visitor already has one. Call it last, with the answer complete: a request that
   * fails costs no visit. Returns a token for the visitor if the link limits its visits.
   * @throws AppError not_found when the link ended meanwhile or another visitor took its last visit
   */
  count(visit: Visit): Promise<IssuedToken | undefined>;
  /** Makes a token with this grant. */
  issue(link: ShareLink, grant: Grant): IssuedToken;
};

/** The same answer for everything that does not exist, no longer exists, or may not be seen. */
export const noSuchLink = () => notFound("link");

const keyForm = /^[A-Za-z0-9_-]{43}$/;

/** The one access check for shared content; every public route uses it, and none has a check of its own. */
export function createGate({
  database: { db },
  installation: { cookieSecret },
  now,
}: Pick<ApiDeps, "database" | "installation" | "now">): Gate {
  const issue = (link: ShareLink, grant: Grant) => createToken(cookieSecret, link, grant, now());

  async function findLink(key: string, want: Want) {
    const keyHash = hashAccessKey(key);
    const photoId = want.photo && isUuid(want.photo.id) ? want.photo.id : null;
    const found = keyForm.test(key)
      ? await findSharedByKeyHash(db, { keyHash, photoId })
      : undefined;
    if (!found || !isLive(found, now())) throw noSuchLink();
    return found;
  }

  return {
    issue,

    // An unknown key costs one statement, like a link that ended: response times do not reveal which it is. The password
    // is checked after everything that ends a link: an ended link never asks for it.
    async pass(visitor, want) {
      const { link, photo } = await findLink(visitor.key, want);
      const isGuarded = link.passwordHash !== null || link.maxViews !== null;
      const grant = readToken(cookieSecret, link, isGuarded ? visitor.token : undefined, now());
      const lacksVisit = link.maxViews !== null && grant.visitEndsAt === null;
      if (lacksVisit && link.viewCount >= link.maxViews!) throw noSuchLink();

      if (want.password && link.passwordHash !== null && !grant.unlocked) throw locked();
      if (lacksVisit && want.views === "held") throw noSuchLink();
      if (want.photo && photo?.id !== want.photo.id.toLowerCase()) throw noSuchLink();
      const isDownload = want.download || want.photo?.size === "original";
      if (isDownload && !link.allowDownload) throw noSuchLink();
      return { link, grant, photo: photo ?? undefined };
    },

    async count({ link, grant }) {
      if (grant.visitEndsAt !== null) return undefined;
      const countedAt = now();
      if (!(await countView(db, { id: link.id, now: countedAt }))) throw noSuchLink();
      if (link.maxViews === null) return undefined;
      return issue(link, { ...grant, visitEndsAt: dayAfter(countedAt) });
    },
  };
}

/** Neither revoked nor expired, and its photo, if it is to one photo, is still available. */
function isLive({ link, photo }: { link: ShareLink; photo: Photo | null }, now: Date): boolean {
  if (link.revokedAt !== null) return false;
  if (link.expiresAt !== null && link.expiresAt <= now) return false;
  return link.photoId === null || photo !== null;
}

function locked(): AppError {
  return new AppError({
    kind: "unauthorized",
    code: "unauthorized",
    message:
      "This link requires a password: send it to the link's /unlock, then the token of the answer as X-Share-Token.",
    details: { password_required: true },
  });
}
