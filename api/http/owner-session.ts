import { createHmac, timingSafeEqual } from "node:crypto";
import type { ApiDeps } from "../deps";

export const sessionCookie = "gallery_session";
export const sessionSeconds = 30 * 24 * 60 * 60;

export type OwnerSessions = {
  /** Makes the value of a session cookie, which is accepted in place of the owner's token. */
  open(): string;
  /** Whether a cookie was made by this installation, for the current token, and has not expired. */
  holds(cookie: string): boolean;
};

/**
 * Cookies have the form `<expiry in seconds since 1970>.<mac>`. The key of the MAC is derived from the token, so that a new
 * token invalidates them all, and from a secret of this installation, so that the token cannot be guessed offline with
 * a stolen cookie.
 */
export function createOwnerSessions({
  config,
  installation: { cookieSecret },
  now,
}: Pick<ApiDeps, "config" | "installation" | "now">): OwnerSessions {
  const { apiToken } = config.secrets;
  const key = createHmac("sha256", cookieSecret).update(`owner-session\n${apiToken}`).digest();
  const sign = (claim: string) => createHmac("sha256", key).update(claim).digest();

  return {
    open() {
      const end = String(Math.floor(now().getTime() / 1_000) + sessionSeconds);
      return `${end}.${sign(end).toString("base64url")}`;
    },

    holds(cookie) {
      const [, end, mac] = /^(\d{1,12})\.([\w-]{43})$/.exec(cookie) ?? [];
      if (apiToken === null || end === undefined || mac === undefined) return false;
      const isOurs = timingSafeEqual(sign(end), Buffer.from(mac, "base64url"));
      return isOurs && Number(end) * 1_000 > now().getTime();
    },
  };
}
