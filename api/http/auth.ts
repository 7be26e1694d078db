import { timingSafeEqual } from "node:crypto";
import { AppError } from "#errors";
import type { Config } from "#config";
import { sha256Of } from "#sha256";
import { cookieOf } from "./cookie";
import { type OwnerSessions, sessionCookie } from "./owner-session";
import type { Client } from "./client";
import type { IncomingRequest } from "./request";

const readOnly = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Refuses unknown host names, against DNS rebinding: a foreign site whose name resolves to this machine could otherwise
 * read the gallery through the owner's browser.
 */
export function checkHost({ host, receivedHost }: Client, config: Config): void {
  const isServed = (name: string) => config.http.allowedHosts.includes(name.replace(/:\d+$/, ""));
  // Behind a proxy both names are checked: a page that uses DNS rebinding can forge the forwarded one.
  if (isServed(receivedHost) && (host === receivedHost || isServed(host))) return;
  throw forbidden("This host name is not served here; add it to ALLOWED_HOSTS if it should be.");
}

/** Refuses a state-changing request that a browser sends on behalf of another site. */
export function checkOrigin(incoming: IncomingRequest, config: Config): void {
  const { request } = incoming;
  if (readOnly.has(request.method)) return;
  const origin = request.headers.get("origin");
  const isForeign = origin !== null && !isOurs(origin, incoming, config);
  const site = request.headers.get("sec-fetch-site");
  const isCrossSite = (site === "cross-site" || site === "same-site") && origin === null;
  if (isForeign || isCrossSite) {
    throw forbidden("Changes from pages of another site are refused.");
  }
}

/**
 * Where a token is configured, requires `Authorization: Bearer …` or a session cookie. If the header is sent, the cookie
 * is ignored, so that a wrong token always answers 401.
 * @throws AppError unauthorized
 */
export function checkOwner(request: Request, config: Config, sessions: OwnerSessions): void {
  const { apiToken } = config.secrets;
  if (apiToken === null) return;
  const authorization = request.headers.get("authorization");
  if (authorization !== null) {
    const given = /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? "";
    if (isOwnersToken(given, apiToken)) return;
  } else {
    const cookie = cookieOf(request, sessionCookie);
    if (cookie !== undefined && sessions.holds(cookie)) return;
  }
  throw wrongToken();
}

/** Compared in constant time. */
export function isOwnersToken(given: string, apiToken: string): boolean {
  // Hashed first, so that the lengths are equal and reveal nothing.
  return timingSafeEqual(digest(given), digest(apiToken));
}

export function wrongToken(): AppError {
  return new AppError({
    kind: "unauthorized",
    code: "unauthorized",
    message: "Send the owner's token: Authorization: Bearer <API_TOKEN>.",
  });
}

function isOurs(origin: string, { client }: IncomingRequest, config: Config): boolean {
  if (config.http.corsOrigins.includes(origin)) return true;
  if (!URL.canParse(origin)) return false;
  const { host, protocol } = new URL(origin);
  if (protocol !== "http:" && protocol !== "https:") return false;
  if (config.http.publicUrl !== null && new URL(config.http.publicUrl).origin === origin) {
    return true;
  }
  return host === client.host;
}

const digest = (text: string) => Buffer.from(sha256Of(text));

function forbidden(message: string): AppError {
  return new AppError({ kind: "forbidden", code: "forbidden", message });
}
