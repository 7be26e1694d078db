import { t } from "elysia";
import { findSharedAlbum } from "#db/queries/shares/shares";
import type { Photo } from "#db/schema/photos";
import { AppError } from "#errors";
import type { ZipEntry } from "#media/archives/zip";
import { createEntryNames } from "#media/archives/zip-names";
import type { Replaced } from "#library/stripped-copy";
import type { ApiDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { createModule } from "../../http/module";
import { publicRoute } from "../../http/routes";
import { answerFoundZip, zipDetail } from "../../http/responses/zip-answer";
import type { Gate, Visit } from "./gate";
import type { FindOutgoingFile } from "./outgoing-file";
import { answerPublic, tokenOf } from "./public-answer";
import { listVisiblePhotos } from "./visible-photos";

type Visitor = Parameters<Gate["pass"]>[0];

const wantZip = { password: true, views: "held", download: true } as const;
/** No modification time, which could reveal when a picture was taken. */
const noTime = "";

/** All originals of a link in one archive, if it allows downloads. */
export function createZipRoutes(
  deps: Pick<ApiDeps, "database">,
  { gate, findOutgoingFile }: { gate: Gate; findOutgoingFile: FindOutgoingFile },
  prefix: "/s" | "/api/v1/share",
) {
  async function titleOf({ link }: Visit): Promise<string> {
    if (link.title !== null) return link.title;
    if (link.albumId === null) return "photo";
    return (await findSharedAlbum(deps.database.db, link.albumId))?.name ?? "photos";
  }

  async function* listPhotos(visit: Visit): AsyncGenerator<Photo> {
    const limit = 100;
    let page: Parameters<typeof listVisiblePhotos>[2] = {
      by: "offset",
      limit,
      offset: 0,
      total: "none",
    };
    for (;;) {
      const { rows, nextCursor } = await listVisiblePhotos(deps, visit, page);
      yield* rows;
      if (nextCursor === null) return;
      page = { by: "cursor", limit, cursor: nextCursor };
    }
  }

  /** The gate is passed again for each photo: revoking the link aborts a running download. */
  async function* listEntries(
    visitor: Visitor,
    visit: Visit,
    signal: AbortSignal,
  ): AsyncGenerator<ZipEntry> {
    const nameFor = createEntryNames();
    const replaced: string[] = [];
    for await (const { id } of listPhotos(visit)) {
      const passed = await passWith(visitor, id);
      const options = { signal, isArchive: true };
      const outgoing =
        passed && (await findOutgoingFile(passed.link, passed.photo, "original", options));
      if (!outgoing) continue;
      const name = nameFor(outgoing.name, outgoing.mimeType);
      if (outgoing.replaced) replaced.push(`${name}: ${replacedBecause(outgoing.replaced)}`);
      yield {
        name,
        modified: passed.link.showMetadata ? (passed.photo.shownAt ?? noTime) : noTime,
        open: async () => outgoing.content,
      };
    }
    if (replaced.length > 0) yield listOfReplaced(replaced, nameFor("replaced.txt", "text/plain"));
  }

  /** Undefined for a photo that was removed from the album since it was listed. */
  async function passWith(visitor: Visitor, id: string) {
    try {
      const wanted = { ...wantZip, photo: { id, size: "original" as const } };
      const { link, photo } = await gate.pass(visitor, wanted);
      return photo && { link, photo };
    } catch (error) {
      const isGone = error instanceof AppError && error.kind === "not_found";
      if (!isGone) throw error;
      // Throws if the link ended as well, not only the photo.
      await gate.pass(visitor, wantZip);
      return undefined;
    }
  }

  return createModule({ prefix, tags: ["shared"] }).get(
    "/:key/download",
    ({ params, incoming }) =>
      answerPublic(incoming, async () => {
        const visitor = { key: params.key, token: tokenOf(incoming) };
        const visit = await gate.pass(visitor, wantZip);
        return answerFoundZip(
          await titleOf(visit),
          listEntries(visitor, visit, incoming.request.signal),
        );
      }),
    {
      params: t.Object({ key: t.String() }),
      response: faults(401, 404),
      detail: { ...publicRoute, ...zipDetail("A zip of the originals that the link shows") },
    },
  );
}

/** A text file with the names of replaced files; the exact cause is shown to the owner only. */
function listOfReplaced(lines: readonly string[], name: string): ZipEntry {
  const content = new Blob([`${lines.join("\r\n")}\r\n`]);
  return { name, modified: noTime, open: async () => ({ bytes: content.size, content }) };
}

const replacedBecause = (reason: Replaced) =>
  reason === "not_ready"
    ? "a smaller picture, as the original was not ready; download it later"
    : "a smaller picture, as the original cannot be sent";
