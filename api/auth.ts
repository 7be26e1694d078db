import { createHash, timingSafeEqual } from "node:crypto";
import { AppError } from "#errors";
import type { Config } from "#config";
import { cookieOf } from "./cookie";
import { type OwnerSessions, sessionCookie } from "./owner-session";
import { clientOf, hostOf } from "./peer";

const readOnly = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Refuses a name that is not ours: a foreign page that had its own name point at this machine would
 * otherwise read the gallery with the owner's browser.
 */
export function checkHost(request: Request, config: Config): void {
  // Both, where a proxy says what was asked for: a page that got hold of a name can make such a header up.
  const names = [hostOf(request), clientOf(request).host].map((host) => host.replace(/:\d+$/, ""));
  if (names.every((name) => config.http.allowedHosts.includes(name))) return;
  throw forbidden("This host name is not served here; add it to ALLOWED_HOSTS if it should be.");
}

/** Refuses a change that a browser sends on behalf of another site. */
export function checkOrigin(request: Request, config: Config): void {
  if (readOnly.has(request.method)) return;
  const origin = request.headers.get("origin");
  const isForeign = origin !== null && !isOurs(origin, request, config);
  const site = request.headers.get("sec-fetch-site");
  const isCrossSite = (site === "cross-site" || site === "same-site") && origin === null;
  if (isForeign || isCrossSite) {
    throw forbidden("Changes from pages of another site are refused.");
  }
}

/**
 * Wants `Authorization: Bearer …` where a token is set, or the cookie that stands for it. A header decides alone: who
 * sends a wrong token is told so.
 */
export async function checkOwner(
  request: Request,
  config: Config,
  sessions: OwnerSessions,
): Promise<void> {
  const { apiToken } = config.secrets;
  if (apiToken === null) return;
  const authorization = request.headers.get("authorization");
  if (authorization !== null) {
    const given = /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? "";
    if (isOwnersToken(given, apiToken)) return;
  } else {
    const cookie = cookieOf(request, sessionCookie);
    if (cookie !== undefined && (await sessions.holds(cookie))) return;
  }
  throw wrongToken();
}

/** Compared in constant time. */
export function isOwnersToken(given: string, apiToken: string): boolean {
  // Hashed first, so that the lengths are equal and tell nothing.
  return timingSafeEqual(digest(given), digest(apiToken));
}

export function wrongToken(): AppError {
  return new AppError({
    kind: "unauthorized",
    code: "unauthorized",
    message: "Send the owner's token: Authorization: Bearer <API_TOKEN>.",
  });
}

function isOurs(origin: string, request: Request, config: Config): boolean {
  if (config.http.corsOrigins.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  const { host, protocol } = new URL(origin);
  if (protocol !== "http:" && protocol !== "https:") return false;
  if (config.http.publicUrl !== null && new URL(config.http.publicUrl).origin === origin) {
    return true;
  }
  return host === clientOf(request).host;
}

const digest = (text: string) => createHash("sha256").update(text).digest();

function forbidden(message: string): AppError {
  return new AppError({ kind: "forbidden", code: "forbidden", message });
}
