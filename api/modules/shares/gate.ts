import { ensureInstallation } from "#db/queries/installation";
import { countView, findSharedPhoto, findShareLinkByKeyHash } from "#db/queries/shares";
import type { Photo } from "#db/schema/photos";
import type { ShareLink } from "#db/schema/shares";
import { AppError, notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import { isUuid } from "../../ids";
import { hashAccessKey } from "./key";
import { createToken, type Grant, readToken } from "./token";

/**
 * What a route asks of the gate.
 * `password`: whether it has to be known. `views`: `count` uses one of the link's visits unless this visitor has one,
 * `held` wants one that was used before, `left` is content as long as there is one to use.
 */
type Want = {
  password: boolean;
  views: "count" | "held" | "left";
  photo?: { id: string; size: "thumbnail" | "preview" | "original" };
  /** All originals at once. */
  download?: true;
};

/** Who passed: the link, what the visitor holds of it, and the photo if one was wanted. */
export type Visit = {
  link: ShareLink;
  grant: Grant;
  /** Set where there was something to remember: to be handed back to the visitor. */
  issued: { token: string; expiresAt: Date } | undefined;
  photo: Photo | undefined;
};

export type Gate = {
  pass(visitor: { key: string; token: string | undefined }, want: Want): Promise<Visit>;
  /** A token that says what a visitor holds now. */
  issue(link: ShareLink, grant: Grant): Promise<{ token: string; expiresAt: Date }>;
};

/** The answer to everything that is not there, is no longer there, or may not be seen: always the same. */
export const noSuchLink = () => notFound("link");

const keyForm = /^[A-Za-z0-9_-]{43}$/;

/** The one way into shared things; every public route passes it, and none has a check of its own. */
export function createGate({ database: { db }, now }: Pick<ApiDeps, "database" | "now">): Gate {
  let secret: string | undefined;
  const getSecret = async () => (secret ??= (await ensureInstallation(db)).cookieSecret);

  const issue = async (link: ShareLink, grant: Grant) =>
    createToken(await getSecret(), link, grant, now());

  async function spendView(link: ShareLink, grant: Grant): Promise<Visit["issued"]> {
    if (grant.viewed) return undefined;
    if (!(await countView(db, { id: link.id, now: now() }))) throw noSuchLink();
    return link.maxViews === null ? undefined : issue(link, { ...grant, viewed: true });
  }

  function checkViews(link: ShareLink, grant: Grant, views: "held" | "left"): void {
    if (link.maxViews === null || grant.viewed) return;
    if (views === "held" || link.viewCount >= link.maxViews) throw noSuchLink();
  }

  async function findPhoto(link: ShareLink, photo: NonNullable<Want["photo"]>): Promise<Photo> {
    const found = isUuid(photo.id)
      ? await findSharedPhoto(db, { link, photoId: photo.id })
      : undefined;
    if (!found) throw noSuchLink();
    if (photo.size === "original" && !link.allowDownload) throw noSuchLink();
    return found;
  }

  return {
    issue,

    async pass(visitor, want) {
      // The same work for a key that was never made.
      const keyHash = hashAccessKey(visitor.key);
      const link = keyForm.test(visitor.key)
        ? await findShareLinkByKeyHash(db, keyHash)
        : undefined;
      if (!link || link.revokedAt !== null) throw noSuchLink();
      if (link.expiresAt !== null && link.expiresAt <= now()) throw noSuchLink();

      const isGuarded = link.passwordHash !== null || link.maxViews !== null;
      const secretNow = isGuarded ? await getSecret() : "";
      const grant = readToken(secretNow, link, isGuarded ? visitor.token : undefined, now());
      if (want.password && link.passwordHash !== null && !grant.unlocked) throw locked();

      if (want.views !== "count") checkViews(link, grant, want.views);
      if (want.download && !link.allowDownload) throw noSuchLink();
      // A link to one photo is as good as gone without it.
      const wanted = want.photo ?? (link.photoId === null ? undefined : photoOf(link.photoId));
      const photo = wanted && (await findPhoto(link, wanted));
      // Last, so that nobody pays a visit for something that is not shown.
      const issued = want.views === "count" ? await spendView(link, grant) : undefined;
      return { link, grant: issued ? { ...grant, viewed: true } : grant, issued, photo };
    },
  };
}

const photoOf = (id: string) => ({ id, size: "preview" as const });

function locked(): AppError {
  return new AppError({
    kind: "unauthorized",
    code: "unauthorized",
    message: "This link has a password; send it to the link's /unlock.",
    details: { password_required: true },
  });
}
