import { Elysia, t } from "elysia";
import { AppError, invalid } from "#errors";
import { bodyChunks } from "../../body-stream";
import { isSecure } from "../../cookie";
import type { ApiDeps } from "../../deps";
import { faults } from "../../error-body";
import { isHead } from "../../head-request";
import { peerOf } from "../../peer";
import { publicRoute } from "../../route-table";
import type { Gate } from "./gate";
import type { GuessLimit } from "../../guesses";
import { answerAsset, createPageAssets } from "./assets";
import { originOf } from "./origin";
import { showPage, showPhotoPage } from "./page";
import { baseOf, orPage } from "./page-answer";
import { answerPublic, tokenCookie, tokenOf } from "./public-answer";
import { unlock } from "./unlock";

const byKey = t.Object({ key: t.String() });
const maxFormBytes = 4_096;

/** What is shared, for people: all of a link's page and what it loads is below the link's own address. */
export function createPageRoutes(deps: ApiDeps, gate: Gate, guesses: GuessLimit) {
  const visitorOf = (request: Request, key: string) => ({ key, token: tokenOf(request) });

  /** To the page again, with what the visitor holds now; an address of ours, never one from the request. */
  function backToPage(request: Request, key: string, issued: Issued | undefined): Response {
    const headers = new Headers({ location: `${baseOf(key)}/` });
    if (issued) headers.set("set-cookie", tokenCookie(key, issued, isSecure(request, deps.config)));
    return new Response(null, { status: 303, headers });
  }

  const assets = createPageAssets();
  const asset =
    (name: "style" | "script") =>
    ({ params, request }: { params: { key: string }; request: Request }) =>
      answerPublic(request, async () => {
        await gate.pass(visitorOf(request, params.key), { password: false, views: "left" });
        return answerAsset(request, await assets[name]());
      });
  const about = (summary: string, kind: "css" | "javascript", what: string) => ({
    params: byKey,
    response: { 304: t.Void(), ...faults(404) },
    detail: { ...publicRoute, summary, responses: inText(kind, { 200: what }) },
  });

  return new Elysia({ prefix: "/s", normalize: false, tags: ["share pages"] })
    .get(
      "/:key",
      ({ params, query, request }) =>
        answerPublic(request, () =>
          showPage(deps, gate, visitorOf(request, params.key), {
            pageNumber: query.page ?? 1,
            isLook: isHead(request) || request.headers.has("sec-purpose"),
            origin: originOf(request, deps.config),
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
            200: "The page, or the button before a counted visit",
            401: "The form for the password",
            404: "Nothing here",
          }),
        },
      },
    )
    .get(
      "/:key/p/:photo_id",
      ({ params, request }) =>
        answerPublic(request, () =>
          showPhotoPage(deps, gate, visitorOf(request, params.key), {
            photoId: params.photo_id,
            origin: originOf(request, deps.config),
          }),
        ),
      {
        params: t.Object({ key: t.String(), photo_id: t.String() }),
        response: faults(404),
        detail: {
          ...publicRoute,
          summary: "The page of one photo of a link",
          responses: inText("html", {
            200: "The photo, with the way to those beside it",
            401: "The form for the password",
            404: "Nothing here",
          }),
        },
      },
    )
    .get("/:key/style", asset("style"), about("The look of the pages", "css", "The style sheet"))
    .get("/:key/script", asset("script"), about("The viewer of photos", "javascript", "A module"))
    .post(
      "/:key/unlock",
      ({ params, request }) =>
        answerPublic(request, async () => {
          const password = (await readForm(request)).get("password");
          const visitor = { ...visitorOf(request, params.key), address: peerOf(request) };
          return orPage(
            params.key,
            async () => {
              const issued =
                password === null
                  ? (await gate.pass(visitor, { password: true, views: "count" })).issued
                  : await unlock({ gate, guesses }, visitor, password);
              return backToPage(request, params.key, issued);
            },
            { wasTried: password !== null },
          );
        }),
      {
        parse: "none",
        params: byKey,
        response: { 303: t.Void(), ...faults(404, 415) },
        detail: {
          ...publicRoute,
          summary:
            "The forms of the page: with a password, or without one the button before a counted visit",
          responses: inText("html", {
            401: "The form once more",
            404: "Nothing here",
            429: "The form, and how long to wait",
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

/** What a route answers in a text of its own, for the document. */
function inText(kind: "html" | "css" | "javascript", described: Record<number, string>) {
  const content = { [`text/${kind}`]: { schema: { type: "string" as const } } };
  return Object.fromEntries(
    Object.entries(described).map(([status, description]) => [status, { description, content }]),
  );
}

type Issued = { token: string; expiresAt: Date };

async function readForm(request: Request): Promise<URLSearchParams> {
  const type = request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded") {
    throw new AppError({
      kind: "unsupported_type",
      code: "unsupported_media_type",
      message: "Send the form as application/x-www-form-urlencoded.",
    });
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of bodyChunks(request)) {
    bytes += chunk.byteLength;
    if (bytes > maxFormBytes) {
      throw invalid("The form is too large.", [
        { path: "", message: `over ${maxFormBytes} bytes` },
      ]);
    }
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
}
