import { Elysia, t } from "elysia";
import { conflict } from "#errors";
import { isOwnersToken, wrongToken } from "../../auth";
import { isSecure } from "../../cookie";
import type { ApiDeps } from "../../deps";
import { faults } from "../../error-body";
import { createGuessLimit } from "../../guesses";
import { createOwnerSessions, sessionCookie, sessionSeconds } from "../../owner-session";
import { peerOf } from "../../peer";
import { openRoute } from "../../route-table";

const setCookie = {
  "Set-Cookie": { description: "The session's cookie", schema: { type: "string" as const } },
};

/** A browser's session: a cookie in place of the token, for images and event streams, which carry no header. */
export function createAuthModule(deps: ApiDeps) {
  const sessions = createOwnerSessions(deps);
  const guesses = createGuessLimit(deps.database);

  function cookieWith(request: Request, value: string, maxAgeSeconds: number): string {
    const secure = isSecure(request, deps.config) ? "; Secure" : "";
    return `${sessionCookie}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${secure}`;
  }

  return new Elysia({
    name: "auth",
    prefix: "/api/v1/auth/session",
    normalize: false,
    tags: ["service"],
  })
    .post(
      "",
      async ({ body, request, set }) => {
        const { apiToken } = deps.config.secrets;
        if (apiToken === null) {
          throw conflict("No API_TOKEN is set on this server: it asks nobody for one.");
        }
        const address = peerOf(request);
        await guesses.count({ secret: `owner from ${address}`, address });
        if (!isOwnersToken(body.token, apiToken)) throw wrongToken();
        set.headers["set-cookie"] = cookieWith(request, await sessions.open(), sessionSeconds);
        set.headers["cache-control"] = "no-store";
        set.status = 204;
      },
      {
        body: t.Object(
          { token: t.String({ minLength: 1, maxLength: 512, description: "API_TOKEN" }) },
          { additionalProperties: false },
        ),
        response: { 204: t.Void(), ...faults(401, 409, 429) },
        detail: {
          ...openRoute,
          summary: "Give the owner's token for a cookie that stands for it",
          description:
            "For browsers, which send no header with images and event streams. The cookie is kept from scripts, goes to no other site, lasts 30 days, and is void when the token changes. 409 when the server has no token.",
          responses: { 204: { description: "The cookie is set", headers: setCookie } },
        },
      },
    )
    .delete(
      "",
      ({ request, set }) => {
        set.headers["set-cookie"] = cookieWith(request, "", 0);
        set.status = 204;
      },
      {
        response: { 204: t.Void() },
        detail: {
          ...openRoute,
          summary: "Leave: the browser forgets the cookie",
          responses: { 204: { description: "The cookie is taken back", headers: setCookie } },
        },
      },
    );
}
