import { createHmac, timingSafeEqual } from "node:crypto";
import { ensureInstallation } from "#db/queries/installation";
import type { ApiDeps } from "./deps";

export const sessionCookie = "gallery_session";
export const sessionSeconds = 30 * 24 * 60 * 60;

export type OwnerSessions = {
  /** The value of a cookie that stands for the owner's token from now on. */
  open(): Promise<string>;
  /** Whether a cookie is one of ours, of the present token, and not too old. */
  holds(cookie: string): Promise<boolean>;
};

/**
 * Cookies `<end in seconds since 1970>.<mac>`. The key of the mac is made of the token, so that a new token ends them all,
 * and of a secret of this installation, so that nobody can try tokens on a cookie he came by.
 */
export function createOwnerSessions({
  config,
  database: { db },
  now,
}: Pick<ApiDeps, "config" | "database" | "now">): OwnerSessions {
  const { apiToken } = config.secrets;
  let key: Buffer | undefined;

  async function sign(claim: string): Promise<Buffer> {
    key ??= createHmac("sha256", (await ensureInstallation(db)).cookieSecret)
      .update(`owner-session\n${apiToken}`)
      .digest();
    return createHmac("sha256", key).update(claim).digest();
  }

  return {
    async open() {
      const end = String(Math.floor(now().getTime() / 1_000) + sessionSeconds);
      return `${end}.${(await sign(end)).toString("base64url")}`;
    },

    async holds(cookie) {
      const [, end, mac] = /^(\d{1,12})\.([\w-]{43})$/.exec(cookie) ?? [];
      if (apiToken === null || end === undefined || mac === undefined) return false;
      const isOurs = timingSafeEqual(await sign(end), Buffer.from(mac, "base64url"));
      return isOurs && Number(end) * 1_000 > now().getTime();
    },
  };
}
