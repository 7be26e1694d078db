import { t } from "elysia";
import { conflict } from "#errors";
import { isOwnersToken, wrongToken } from "../../http/auth";
import { type Client, senderOf } from "../../http/client";
import { isSecure } from "../../http/cookie";
import type { RouteDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { createModule } from "../../http/module";
import { sessionCookie, sessionSeconds } from "../../http/owner-session";
import { openRoute } from "../../http/routes";

const setCookie = {
  "Set-Cookie": { description: "The session cookie", schema: { type: "string" as const } },
};

/** Browser sessions: a cookie replaces the token, since requests for images and event streams cannot carry it. */
export function createAuthModule(deps: RouteDeps) {
  const { ownerSessions, loginAttempts } = deps;

  function cookieWith(client: Client, value: string, maxAgeSeconds: number): string {
    const secure = isSecure(client, deps.config) ? "; Secure" : "";
    return `${sessionCookie}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${secure}`;
  }

  return createModule({
    name: "auth",
    prefix: "/api/v1/auth/session",
    tags: ["service"],
  })
    .post(
      "",
      async ({ body, incoming: { client }, set }) => {
        const { apiToken } = deps.config.secrets;
        if (apiToken === null) {
          throw conflict("No API_TOKEN is set on this server; send requests without a token.");
        }
        const address = senderOf(client);
        await loginAttempts.count({ secret: `owner from ${address}`, address });
        if (!isOwnersToken(body.token, apiToken)) throw wrongToken();
        set.headers["set-cookie"] = cookieWith(client, ownerSessions.open(), sessionSeconds);
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
          summary: "Sign in: exchange the owner's token for a session cookie",
          description:
            "For browsers, which cannot send a header with requests for images and event streams. The cookie is HttpOnly and SameSite=Strict and lasts 30 days. It becomes invalid when the token changes. 409 if the server has no token.",
          responses: { 204: { description: "The cookie is set", headers: setCookie } },
        },
      },
    )
    .delete(
      "",
      ({ incoming, set }) => {
        set.headers["set-cookie"] = cookieWith(incoming.client, "", 0);
        set.status = 204;
      },
      {
        response: { 204: t.Void() },
        detail: {
          ...openRoute,
          summary: "Sign out: clear the session cookie",
          responses: { 204: { description: "The cookie is cleared", headers: setCookie } },
        },
      },
    );
}
