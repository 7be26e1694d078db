import { t } from "elysia";
import { AppError } from "#errors";
import { readBody } from "../../http/bodies/body-stream";
import { senderOf } from "../../http/client";
import { isSecure } from "../../http/cookie";
import type { RouteDeps } from "../../deps";
import { faults } from "../../http/error-body";
import type { IncomingRequest } from "../../http/request";
import { publicRoute } from "../../http/routes";
import type { Gate, IssuedToken } from "./gate";
import { createModule } from "../../http/module";
import { answerAsset, createPageAssets } from "./assets";
import { originOf } from "./origin";
import { openPage, showPage, showPhotoPage } from "./page";
import { baseOf, withErrorPages } from "./page-answer";
import { isPrefetch } from "./prefetch";
import { answerPublic, tokenCookie, tokenOf } from "./public-answer";
import { unlock } from "./unlock";

const byKey = t.Object({ key: t.String() });
const maxFormBytes = 4_096;

/** Shared content for people: a link's pages and all that they load are below the link's own path. */
export function createPageRoutes(deps: RouteDeps, gate: Gate) {
  const visitorOf = (incoming: IncomingRequest, key: string) => ({ key, token: tokenOf(incoming) });

  /** Redirects to the link's page, with a cookie for the new grant. The target is never taken from the request. */
  function backToPage(
    incoming: IncomingRequest,
    key: string,
    issued: IssuedToken | undefined,
  ): Response {
    const headers = new Headers({ location: `${baseOf(key)}/` });
    if (issued)
      headers.set("set-cookie", tokenCookie(key, issued, isSecure(incoming.client, deps.config)));
    return new Response(null, { status: 303, headers });
  }

  const assets = createPageAssets();
  const asset =
    (name: "style" | "script") =>
    ({ params, incoming }: { params: { key: string }; incoming: IncomingRequest }) =>
      answerPublic(incoming, async () => {
        await gate.pass(visitorOf(incoming, params.key), { password: false, views: "left" });
        return answerAsset(incoming.request, await assets[name]());
      });
  const about = (summary: string, kind: "css" | "javascript", what: string) => ({
    params: byKey,
    response: { 304: t.Void(), ...faults(404) },
    detail: { ...publicRoute, summary, responses: inText(kind, { 200: what }) },
  });

  return createModule({ prefix: "/s", tags: ["share pages"] })
    .get(
      "/:key",
      ({ params, query, incoming }) =>
        answerPublic(incoming, () =>
          showPage(deps, gate, visitorOf(incoming, params.key), {
            pageNumber: query.page ?? 1,
            isUncounted: incoming.isHead || isPrefetch(incoming.request),
            origin: originOf(incoming.client, deps.config),
          }),
        ),
      {
        params: byKey,
        query: t.Object({ page: t.Optional(t.Integer({ minimum: 1, maximum: 10_000 })) }),
        response: faults(404),
        detail: {
          ...publicRoute,
          summary: "The page of a link",
          responses: inText("html", {
            200: "The page, or the Open button of a link with limited visits",
            401: "The form for the password",
            404: "There is no such page, or no longer",
          }),
        },
      },
    )
    .get(
      "/:key/p/:photo_id",
      ({ params, incoming }) =>
        answerPublic(incoming, () =>
          showPhotoPage(deps, gate, visitorOf(incoming, params.key), {
            photoId: params.photo_id,
            origin: originOf(incoming.client, deps.config),
          }),
        ),
      {
        params: t.Object({ key: t.String(), photo_id: t.String() }),
        response: faults(404),
        detail: {
          ...publicRoute,
          summary: "The page of one photo of a link",
          responses: inText("html", {
            200: "The photo, with links to the next and previous one",
            401: "The form for the password",
            404: "There is no such page, or no longer",
          }),
        },
      },
    )
    .get(
      "/:key/style",
      asset("style"),
      about("The style sheet of the pages", "css", "The style sheet"),
    )
    .get(
      "/:key/script",
      asset("script"),
      about("The viewer of photos", "javascript", "A JavaScript module"),
    )
    .post(
      "/:key/unlock",
      ({ params, incoming }) =>
        answerPublic(incoming, async () => {
          const password = (await readForm(incoming)).get("password");
          const visitor = {
            ...visitorOf(incoming, params.key),
            address: senderOf(incoming.client),
          };
          return withErrorPages(
            params.key,
            async () => {
              const issued =
                password === null
                  ? await openPage(deps, gate, visitor, originOf(incoming.client, deps.config))
                  : await unlock({ gate, loginAttempts: deps.loginAttempts }, visitor, password);
              return backToPage(incoming, params.key, issued);
            },
            { wasTried: password !== null },
          );
        }),
      {
        parse: "none",
        params: byKey,
        response: { 303: t.Void(), ...faults(404, 413, 415) },
        detail: {
          ...publicRoute,
          summary:
            "The forms of the page: with a password, or without one the Open button of a link with limited visits",
          responses: inText("html", {
            401: "The form again: the password is wrong",
            404: "There is no such page, or no longer",
            429: "The form again, with how long to wait",
          }),
          requestBody: {
            content: {
              "application/x-www-form-urlencoded": {
                schema: { type: "object", properties: { password: { type: "string" } } },
              },
            },
          },
        },
      },
    );
}

/** Text responses of a route, for the document. */
function inText(kind: "html" | "css" | "javascript", described: Record<number, string>) {
  const content = { [`text/${kind}`]: { schema: { type: "string" as const } } };
  return Object.fromEntries(
    Object.entries(described).map(([status, description]) => [status, { description, content }]),
  );
}

async function readForm(incoming: IncomingRequest): Promise<URLSearchParams> {
  const type = incoming.request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded") {
    throw new AppError({
      kind: "unsupported_type",
      code: "unsupported_media_type",
      message: "Send the form as application/x-www-form-urlencoded.",
    });
  }
  const bytes = await readBody(incoming, maxFormBytes, "This form");
  return new URLSearchParams(bytes.toString("utf8"));
}
