import { createHmac, timingSafeEqual } from "node:crypto";
import type { ShareLink } from "#db/schema/shares";

/** What a visitor has done for a link: given its password, used one of its counted visits. */
export type Grant = { unlocked: boolean; viewed: boolean };

const noGrant: Grant = { unlocked: false, viewed: false };
const lifeMs = 24 * 60 * 60 * 1_000;

type LinkFacts = Pick<ShareLink, "id" | "passwordVersion" | "expiresAt">;

/**
 * A token that says what its bearer may, of one link and as long as its password is the same: `<expiry>.<grant>.<mac>`.
 * Valid for a day, never past the link's own end.
 */
export function createToken(
  secret: string,
  link: LinkFacts,
  grant: Grant,
  now: Date,
): { token: string; expiresAt: Date } {
  const end = Math.min(now.getTime() + lifeMs, link.expiresAt?.getTime() ?? Infinity);
  const claim = `${Math.floor(end / 1_000)}.${grant.unlocked ? "u" : ""}${grant.viewed ? "v" : ""}`;
  const expiresAt = new Date(Math.floor(end / 1_000) * 1_000);
  return { token: `${claim}.${sign(secret, link, claim)}`, expiresAt };
}

/** What a token grants; nothing when it is not ours, of another link, of an old password, or expired. */
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
  if (Number(expiry) * 1_000 <= now.getTime()) return noGrant;
  return { unlocked: flags?.includes("u") ?? false, viewed: flags?.includes("v") ?? false };
}

function sign(secret: string, link: LinkFacts, claim: string): string {
  const bound = `share-token\n${link.id}\n${link.passwordVersion}\n${claim}`;
  return createHmac("sha256", secret).update(bound).digest("base64url");
}
