import { createHmac, timingSafeEqual } from "node:crypto";
import type { ShareLink } from "#db/schema/shares";

/** What a visitor may do with a link: see it without its password again, go on with a counted visit. */
export type Grant = {
  unlocked: boolean;
  /** When the counted visit ends; null where none was used. */
  visitEndsAt: Date | null;
};

const noGrant: Grant = { unlocked: false, visitEndsAt: null };
const lifeMs = 24 * 60 * 60 * 1_000;

type LinkFacts = Pick<ShareLink, "id" | "passwordVersion" | "expiresAt">;

/**
 * Makes a token `<expiry>.<grant>.<mac>`, valid for one link and only until its password changes.
 * Valid for a day, but never longer than its visit or the link.
 */
export function createToken(
  secret: string,
  link: LinkFacts,
  grant: Grant,
  now: Date,
): { token: string; expiresAt: Date } {
  const ownEnd = grant.visitEndsAt ?? dayAfter(now);
  const end = Math.min(ownEnd.getTime(), link.expiresAt?.getTime() ?? Infinity);
  const isVisit = grant.visitEndsAt !== null;
  const claim = `${Math.floor(end / 1_000)}.${grant.unlocked ? "u" : ""}${isVisit ? "v" : ""}`;
  const expiresAt = new Date(Math.floor(end / 1_000) * 1_000);
  return { token: `${claim}.${sign(secret, link, claim)}`, expiresAt };
}

/** What a token grants; nothing if it is forged, for another link, for an old password, or expired. */
export function readToken(
  secret: string,
  link: LinkFacts,
  token: string | undefined,
  now: Date,
): Grant {
  const [, claim, expiry, flags, mac] =
    /^((\d{1,12})\.(u?v?))\.([\w-]{43})$/.exec(token ?? "") ?? [];
  if (claim === undefined || mac === undefined) return noGrant;
  const expected = Buffer.from(sign(secret, link, claim));
  if (!timingSafeEqual(expected, Buffer.from(mac))) return noGrant;
  const end = new Date(Number(expiry) * 1_000);
  if (end <= now) return noGrant;
  return {
    unlocked: flags?.includes("u") ?? false,
    visitEndsAt: flags?.includes("v") ? end : null,
  };
}

/** The end of a visit that is counted at `now`. Later tokens of the same visit keep this end. */
export function dayAfter(now: Date): Date {
  return new Date(now.getTime() + lifeMs);
}

function sign(secret: string, link: LinkFacts, claim: string): string {
  const bound = `share-token\n${link.id}\n${link.passwordVersion}\n${claim}`;
  return createHmac("sha256", secret).update(bound).digest("base64url");
}
