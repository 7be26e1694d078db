import { AppError } from "#errors";
import { cookieOf } from "../../http/cookie";
import { errorResponse } from "../../http/error-body";
import type { IncomingRequest } from "../../http/request";

/** Set on every answer to a visitor. */
const publicHeaders = { "x-robots-tag": "noindex", "referrer-policy": "no-referrer" };

const notKept = "private, no-store";

/** Runs the work of a public route; answers and refusals get the same headers. */
export async function answerPublic(
  incoming: IncomingRequest,
  work: () => Promise<Response>,
): Promise<Response> {
  const response = await withErrorBody(incoming, work);
  for (const [name, value] of Object.entries(publicHeaders)) response.headers.set(name, value);
  if (!response.headers.has("cache-control")) response.headers.set("cache-control", notKept);
  return response;
}

async function withErrorBody(
  incoming: IncomingRequest,
  work: () => Promise<Response>,
): Promise<Response> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AppError) return errorResponse(error, incoming.id);
    throw error;
  }
}

const cookieName = "share";

/** A visitor's token: programs send it in a header, browsers in the link's cookie. */
export function tokenOf({ request }: IncomingRequest): string | undefined {
  const header = request.headers.get("x-share-token");
  return header ?? cookieOf(request, cookieName);
}

/** Browsers send this cookie to the pages of this link only, and scripts cannot read it. */
export function tokenCookie(
  key: string,
  issued: { token: string; expiresAt: Date },
  isSecure: boolean,
): string {
  const expires = issued.expiresAt.toUTCString();
  const secure = isSecure ? "; Secure" : "";
  return `${cookieName}=${issued.token}; Path=/s/${key}; Expires=${expires}; HttpOnly; SameSite=Lax${secure}`;
}
