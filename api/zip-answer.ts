import { zipChunks, type ZipEntry, zipLength } from "#media/zip";
import { cleanName } from "#media/zip-names";
import { attachmentAs } from "./content-disposition";

/** What is put into an archive, and how long it is. */
export type ZipFile = ZipEntry & Readonly<{ bytes: number }>;

/**
 * Answers with an archive that is made as it is read. Its length is announced; Bun sends it with HEAD and leaves
 * it out of a GET (oven-sh/bun#10507).
 */
export function answerZip(title: string, files: readonly ZipFile[]): Response {
  return archive(title, files, { "content-length": `${zipLength(files)}` });
}

/** The same for files that are found one after another, while the archive is read. */
export function answerFoundZip(title: string, files: AsyncIterable<ZipEntry>): Response {
  return archive(title, files, {});
}

function archive(
  title: string,
  files: Parameters<typeof zipChunks>[0],
  headers: Record<string, string>,
): Response {
  // Bun takes a generator as it is, which its types do not say; wrapped in a stream it is half as fast.
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

/** What a route that answers with an archive says of itself. */
export function zipDetail(summary: string) {
  return { summary, responses: { 200: { description: "The archive", content } } };
}
