import { t } from "elysia";
import {
  countShareLinks,
  findShareLink,
  listShareLinks,
  revokeShareLink,
} from "#db/queries/shares/shares";
import { notFound } from "#errors";
import { timeKeys, parseTimeKeys } from "../../lists/cursor";
import type { Client } from "../../http/client";
import type { ApiDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { createIdempotency, type Once } from "../../http/idempotency";
import {
  answerJson,
  type List,
  listBody,
  listOf,
  pageOf,
  pageQuery,
  readPage,
} from "../../lists/lists";
import { createModule } from "../../http/module";
import type { IncomingRequest } from "../../http/request";
import { tidyTitle } from "../../fields/text";
import { findLinkFaults } from "./copy-faults";
import { changeLink, createLink } from "./links";
import { linkBody, linkChange, linkParams, linkSchema, linkToWire, newLinkSchema } from "./model";
import { originOf } from "./origin";
import { baseOf } from "./page-answer";

type NewLink = typeof newLinkSchema.static;

/** Revoked links stay in the list for this time, so that the owner can see what was shared. */
const revokedShownMs = 30 * 24 * 60 * 60 * 1_000;

const localOnly =
  "PUBLIC_URL is not set: this address works on this machine only. Set PUBLIC_URL to share with others.";

/** The owner's routes: create, list, change and revoke links. */
export function createOwnerRoutes(deps: ApiDeps) {
  const { db } = deps.database;

  async function create({
    body,
    incoming: { client },
    once,
  }: {
    body: typeof linkBody.static;
    incoming: IncomingRequest;
    once: Once;
  }) {
    // Without the password: from the plain hash of the content it could be guessed with a copy of the database.
    const { password, ...rest } = body;
    const meaning = {
      ...rest,
      title: tidyTitle(rest.title ?? null),
      expires_at: rest.expires_at && new Date(rest.expires_at).toISOString(),
      allow_download: rest.allow_download ?? false,
      show_metadata: rest.show_metadata ?? false,
      has_password: password != null,
    };
    const answer = await once.answer<NewLink>(
      meaning,
      async (id) => {
        const { link, key } = await createLink(deps, id, body);
        const wire = linkToWire(link);
        if (key === undefined) return { status: 200, body: wire };
        return { status: 201, body: { ...wire, access_key: key, ...urlOf(key, client) } };
      },
      ({ body: made }) => ({ status: 200, body: withoutKey(made) }),
    );
    return Response.json(answer.body, {
      status: answer.status,
      headers: { "cache-control": "private, no-store" },
    });
  }

  function urlOf(key: string, client: Client) {
    const { publicUrl } = deps.config.http;
    const origin = originOf(client, deps.config);
    return { url: `${origin}${baseOf(key)}/`, ...(publicUrl === null && { warning: localOnly }) };
  }

  const creation = {
    body: linkBody,
    // `/create` is an alias: both routes share their idempotency keys.
    createsOnce: "POST /api/v1/share" as const,
    response: { 200: newLinkSchema, 201: newLinkSchema, ...faults(404, 409) },
  };

  return createModule({ prefix: "/api/v1/share", tags: ["share links"] })
    .use(createIdempotency(deps))
    .post("", create, {
      ...creation,
      detail: { summary: "Share a photo or an album by link" },
    })
    .post("/create", create, {
      ...creation,
      detail: { summary: "The same as POST /share" },
    })
    .get(
      "/links",
      async ({ query, request }) => {
        const page = pageOf(query);
        const revokedSince = new Date(deps.now().getTime() - revokedShownMs);
        const links = await readPage(page, {
          scope: ["links"],
          parseKeys: parseTimeKeys,
          rows: (part) => listShareLinks(db, { revokedSince, ...part }),
          keysOf: ({ createdAt: at, id }) => timeKeys({ at, id }),
          count: () => countShareLinks(db, revokedSince),
        });
        const linkIds = links.rows.map(({ id }) => id);
        const faultsOf = await findLinkFaults(deps, linkIds);
        const items = links.rows.map((link) => linkToWire(link, faultsOf.get(link.id)));
        return answerJson<List<typeof linkSchema.static>>(request, listBody(page, links, items));
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
        return linkToWire(link, (await findLinkFaults(deps, [link.id])).get(link.id));
      },
      {
        params: linkParams,
        body: linkChange,
        response: { 200: linkSchema, ...faults(404, 409) },
        detail: { summary: "Change a link; omitted fields stay as they are" },
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

/** The answer that is stored for a repeat: it must never hold the key. */
function withoutKey({ access_key: _key, url: _url, warning: _warning, ...rest }: NewLink) {
  return rest;
}
