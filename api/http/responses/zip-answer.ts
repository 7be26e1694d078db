import { zipChunks, type ZipEntry, zipLength } from "#media/archives/zip";
import { cleanName } from "#media/archives/zip-names";
import { attachmentAs } from "./content-disposition";

/** A file of an archive, with its length. */
export type ZipFile = ZipEntry & Readonly<{ bytes: number }>;

/**
 * Answers with an archive that is built while it is sent. Content-Length is set; Bun sends it for HEAD and omits
 * it for GET (oven-sh/bun#10507).
 */
export function answerZip(title: string, files: readonly ZipFile[]): Response {
  return archive(title, files, { "content-length": `${zipLength(files)}` });
}

/** The same for files that are found while the archive is sent; without a Content-Length. */
export function answerFoundZip(title: string, files: AsyncIterable<ZipEntry>): Response {
  return archive(title, files, {});
}

function archive(
  title: string,
  files: Parameters<typeof zipChunks>[0],
  headers: Record<string, string>,
): Response {
  // Bun accepts a generator as body, which its types do not declare; wrapped in a stream it is half as fast.
  return new Response(zipChunks(files) as unknown as BodyInit, {
    headers: {
      "content-type": "application/zip",
      "content-disposition": attachmentAs(`${cleanName(title, "photos")}.zip`),
      "cache-control": "private, no-store",
      ...headers,
    },
  });
}

const content = { "application/zip": { schema: { type: "string" as const, format: "binary" } } };

/** The `detail` of a route that answers with an archive. */
export function zipDetail(summary: string) {
  return { summary, responses: { 200: { description: "The archive", content } } };
}
