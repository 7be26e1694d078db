import { Elysia, t } from "elysia";
import {
  countShareLinks,
  findShareLink,
  listShareLinks,
  revokeShareLink,
} from "#db/queries/shares";
import { notFound } from "#errors";
import { timeKeys, timePlace } from "../../cursor";
import type { ApiDeps } from "../../deps";
import { faults } from "../../error-body";
import { answerOnce, createsOnce, fingerprintOf, idempotencyKeyOf } from "../../idempotency";
import { answerJson, listBody, listOf, pageOf, pageQuery, readPage } from "../../lists";
import { tidyTitle } from "../../text";
import { changeLink, createLink } from "./links";
import { linkBody, linkChange, linkParams, linkSchema, linkToWire, newLinkSchema } from "./model";
import { originOf } from "./origin";
import { baseOf } from "./page-answer";

type NewLink = typeof newLinkSchema.static;

/** Revoked links stay in the list so long, so that the owner sees what was open. */
const revokedShownMs = 30 * 24 * 60 * 60 * 1_000;

const localOnly =
  "PUBLIC_URL is not set: this address works on this machine only. Set it to share with others.";

/** The owner's side: links made, listed, changed and revoked. */
export function createOwnerRoutes(deps: ApiDeps) {
  const { db } = deps.database;

  async function create({ body, request }: { body: typeof linkBody.static; request: Request }) {
    // The password stays out: kept as a plain hash it could be guessed from a copy of the database.
    const { password, ...rest } = body;
    const answer = await answerOnce(
      deps,
      {
        route: "POST /api/v1/share",
        key: idempotencyKeyOf(request),
        fingerprint: fingerprintOf({
          ...rest,
          title: tidyTitle(rest.title ?? null),
          expires_at: rest.expires_at && new Date(rest.expires_at).toISOString(),
          allow_download: rest.allow_download ?? false,
          show_metadata: rest.show_metadata ?? false,
          has_password: password != null,
        }),
        kept: ({ body: made }) => ({ status: 200, body: withoutKey(made as NewLink) }),
      },
      async (id) => {
        const { link, key } = await createLink(deps, id, body);
        const shown = linkToWire(link);
        if (key === undefined) return { status: 200, body: shown };
        return { status: 201, body: { ...shown, access_key: key, ...addressOf(key, request) } };
      },
    );
    return Response.json(answer.body, {
      status: answer.status,
      headers: { "cache-control": "private, no-store" },
    });
  }

  function addressOf(key: string, request: Request) {
    const { publicUrl } = deps.config.http;
    const origin = originOf(request, deps.config);
    return { url: `${origin}${baseOf(key)}/`, ...(publicUrl === null && { warning: localOnly }) };
  }

  const creation = {
    body: linkBody,
    response: { 200: newLinkSchema, 201: newLinkSchema, ...faults(404, 409) },
  };

  return new Elysia({ prefix: "/api/v1/share", normalize: false, tags: ["share links"] })
    .post("", create, {
      ...creation,
      detail: { ...createsOnce, summary: "Share a photo or an album by link" },
    })
    .post("/create", create, {
      ...creation,
      detail: { ...createsOnce, summary: "The same as POST /share" },
    })
    .get(
      "/links",
      async ({ query, request }) => {
        const page = pageOf(query);
        const revokedSince = new Date(deps.now().getTime() - revokedShownMs);
        const links = await readPage(page, {
          scope: ["links"],
          placeOf: timePlace,
          rows: (part) => listShareLinks(db, { revokedSince, ...part }),
          keysOf: ({ createdAt: at, id }) => timeKeys({ at, id }),
          count: () => countShareLinks(db, revokedSince),
        });
        return answerJson(request, listBody(page, links, links.rows.map(linkToWire)));
      },
      {
        query: t.Object(pageQuery()),
        response: { 200: listOf(linkSchema) },
        detail: { summary: "Links, newest first; revoked ones for 30 days" },
      },
    )
    .patch(
      "/links/:id",
      async ({ params, body }) => {
        await changeLink(deps, params.id, body);
        const link = await findShareLink(db, params.id);
        if (!link) throw notFound("link");
        return linkToWire(link);
      },
      {
        params: linkParams,
        body: linkChange,
        response: { 200: linkSchema, ...faults(404, 409) },
        detail: { summary: "Change a link; what is not named stays as it is" },
      },
    )
    .delete(
      "/links/:id",
      async ({ params, set }) => {
        if (!(await revokeShareLink(db, { id: params.id, now: deps.now() }))) {
          throw notFound("link");
        }
        set.status = 204;
      },
      {
        params: linkParams,
        response: { 204: t.Void(), ...faults(404) },
        detail: { summary: "Revoke a link for good" },
      },
    );
}

/** Named field by field: what is kept for a repeat must never hold the key. */
function withoutKey({ access_key: _key, url: _url, warning: _warning, ...rest }: NewLink) {
  return rest;
}
