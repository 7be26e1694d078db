import { zipChunks, type ZipEntry, zipLength } from "#media/zip";
import { cleanName } from "#media/zip-names";
import { attachmentAs } from "./content-disposition";

/** What is put into an archive; `bytes` where they are known before it is opened. */
export type ZipFile = ZipEntry & Readonly<{ bytes?: number }>;

/**
 * Answers with an archive that is made as it is read. Its length is announced when that of every file is known;
 * Bun sends it with HEAD and leaves it out of a GET (oven-sh/bun#10507).
 */
export function answerZip(title: string, files: readonly ZipFile[]): Response {
  const sized = files.flatMap(({ name, bytes }) => (bytes === undefined ? [] : [{ name, bytes }]));
  // Bun takes a generator as it is, which its types do not say; wrapped in a stream it is half as fast.
  return new Response(zipChunks(files) as unknown as BodyInit, {
    headers: {
      "content-type": "application/zip",
      "content-disposition": attachmentAs(`${cleanName(title, "photos")}.zip`),
      "cache-control": "private, no-store",
      ...(sized.length === files.length && { "content-length": `${zipLength(sized)}` }),
    },
  });
}

const content = { "application/zip": { schema: { type: "string" as const, format: "binary" } } };

/** What a route that answers with an archive says of itself. */
export function zipDetail(summary: string) {
  return { summary, responses: { 200: { description: "The archive", content } } };
}
