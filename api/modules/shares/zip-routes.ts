import { Elysia, t } from "elysia";
import { findSharedAlbum } from "#db/queries/shares";
import type { Photo } from "#db/schema/photos";
import { AppError } from "#errors";
import type { ZipEntry } from "#media/zip";
import { createEntryNames } from "#media/zip-names";
import type { ApiDeps } from "../../deps";
import { faults } from "../../error-body";
import { publicRoute } from "../../route-table";
import { answerFoundZip, zipDetail } from "../../zip-answer";
import type { Gate, Visit } from "./gate";
import type { FindLeaving } from "./leaving";
import { answerPublic, tokenOf } from "./public-answer";
import { listShown } from "./shown";

type Visitor = Parameters<Gate["pass"]>[0];

const wantZip = { password: true, views: "held", download: true } as const;
/** Tells nothing of when a picture was taken. */
const noTime = "";

/** All originals of a link in one archive, where it allows downloads. */
export function createZipRoutes(
  deps: Pick<ApiDeps, "database">,
  { gate, findLeaving }: { gate: Gate; findLeaving: FindLeaving },
  prefix: "/s" | "/api/v1/share",
) {
  async function titleOf({ link }: Visit): Promise<string> {
    if (link.title !== null) return link.title;
    if (link.albumId === null) return "photo";
    return (await findSharedAlbum(deps.database.db, link.albumId))?.name ?? "photos";
  }

  async function* listPhotos(visit: Visit): AsyncGenerator<Photo> {
    const limit = 100;
    let page: Parameters<typeof listShown>[2] = {
      by: "offset",
      limit,
      offset: 0,
      exactTotal: false,
    };
    for (;;) {
      const { rows, nextCursor } = await listShown(deps, visit, page);
      yield* rows;
      if (nextCursor === null) return;
      page = { by: "cursor", limit, cursor: nextCursor };
    }
  }

  /** Each picture passes the gate when its turn comes: a link that is revoked meanwhile breaks the download off. */
  async function* listEntries(visitor: Visitor, visit: Visit): AsyncGenerator<ZipEntry> {
    const nameFor = createEntryNames();
    for await (const { id } of listPhotos(visit)) {
      const passed = await passWith(visitor, id);
      const leaving = passed && (await findLeaving(passed.link, passed.photo, "original"));
      if (!leaving) continue;
      yield {
        name: nameFor(leaving.name, leaving.mimeType),
        modified: passed.link.showMetadata ? (passed.photo.shownAt ?? noTime) : noTime,
        open: async () => leaving.content,
      };
    }
  }

  /** undefined for a photo that has left the album since it was listed. */
  async function passWith(visitor: Visitor, id: string) {
    try {
      const wanted = { ...wantZip, photo: { id, size: "original" as const } };
      const { link, photo } = await gate.pass(visitor, wanted);
      return photo && { link, photo };
    } catch (error) {
      const isGone = error instanceof AppError && error.kind === "not_found";
      if (!isGone) throw error;
      // The photo alone, or the link with it?
      await gate.pass(visitor, wantZip);
      return undefined;
    }
  }

  return new Elysia({ prefix, normalize: false, tags: ["shared"] }).get(
    "/:key/download",
    ({ params, request }) =>
      answerPublic(request, async () => {
        const visitor = { key: params.key, token: tokenOf(request) };
        const visit = await gate.pass(visitor, wantZip);
        return answerFoundZip(await titleOf(visit), listEntries(visitor, visit));
      }),
    {
      params: t.Object({ key: t.String() }),
      response: faults(401, 404),
      detail: { ...publicRoute, ...zipDetail("A zip of the originals that the link shows") },
    },
  );
}
