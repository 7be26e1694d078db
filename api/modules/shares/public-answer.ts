import { AppError } from "#errors";
import { cookieOf } from "../../cookie";
import { errorResponse } from "../../error-body";
import { requestIdOf } from "../../request-id";

/** What every answer to a stranger carries, whatever it says. */
const publicHeaders = { "x-robots-tag": "noindex", "referrer-policy": "no-referrer" };

const notKept = "private, no-store";

/** Does the work of a public route and dresses its answer, and its refusal, alike. */
export async function answerPublic(
  request: Request,
  work: () => Promise<Response>,
): Promise<Response> {
  const response = await orRefusal(request, work);
  for (const [name, value] of Object.entries(publicHeaders)) response.headers.set(name, value);
  if (!response.headers.has("cache-control")) response.headers.set("cache-control", notKept);
  return response;
}

async function orRefusal(request: Request, work: () => Promise<Response>): Promise<Response> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AppError) return errorResponse(error, requestIdOf(request));
    throw error;
  }
}

const cookieName = "share";

/** What a visitor shows: a program in a header, a browser in the cookie of this link. */
export function tokenOf(request: Request): string | undefined {
  const header = request.headers.get("x-share-token");
  return header ?? cookieOf(request, cookieName);
}

/** Sent back to the pages of this one link only, and never read by a script. */
export function tokenCookie(
  key: string,
  issued: { token: string; expiresAt: Date },
  isSecure: boolean,
): string {
  const expires = issued.expiresAt.toUTCString();
  const secure = isSecure ? "; Secure" : "";
  return `${cookieName}=${issued.token}; Path=/s/${key}; Expires=${expires}; HttpOnly; SameSite=Lax${secure}`;
}
