import { join } from "node:path";
import { crc32 } from "node:zlib";
import sharp from "sharp";
import { originalKey, previewKey } from "#media/storage/keys";
import type { BenchStack } from "./stack";

const megabytes = 19;
const emptyChunks = 1_500_000;

/** Crafted originals, one of each kind that is most expensive to read. */
async function paintCostly(): Promise<[mimeType: string, bytes: Uint8Array][]> {
  const scene = sharp({ create: { width: 96, height: 64, channels: 3, background: "teal" } });
  const [jpeg, png] = [await scene.jpeg().toBuffer(), await scene.png().toBuffer()];
  const fill = Buffer.alloc(megabytes * 2 ** 20, 0xff);
  const empty = Buffer.from("\0\0\0\0vpAg\0\0\0\0", "latin1");
  empty.writeUInt32BE(crc32(empty.subarray(4, 8)), 8);
  const headerEnd = 33;
  return [
    ["image/jpeg", Buffer.concat([jpeg.subarray(0, 2), fill, jpeg.subarray(2)])],
    [
      "image/png",
      Buffer.concat([
        png.subarray(0, headerEnd),
        Buffer.alloc(emptyChunks * empty.length, empty),
        png.subarray(headerEnd),
      ]),
    ],
    ["image/avif", Buffer.alloc(2 ** 20, 7)],
  ];
}

/**
 * Inserts costly originals into the library without an upload, each with a preview and its own link.
 * @returns the paths of their originals below the links; none has been requested yet
 */
export async function shareCostly(stack: BenchStack, ofEach: number): Promise<string[]> {
  const preview = await sharp({
    create: { width: 96, height: 64, channels: 3, background: "teal" },
  })
    .webp()
    .toBuffer();
  const paths: string[] = [];
  for (const [mimeType, bytes] of await paintCostly()) {
    for (let at = 0; at < ofEach; at += 1) {
      const id = crypto.randomUUID();
      const data = join(stack.folder, "data");
      await Bun.write(join(data, originalKey({ kind: "uploaded", id, mimeType })), bytes);
      await Bun.write(join(data, previewKey(id)), preview);
      await stack.database.sql`insert into photos ${stack.database.sql({
        id,
        kind: "uploaded",
        filename: "costly",
        mime_type: mimeType,
        width: 96,
        height: 64,
        file_size: bytes.length,
        content_hash: new Bun.CryptoHasher("sha256").update(id).digest("hex"),
        retrieval_status: "completed",
      })}`;
      paths.push(`/s/${await shareOf(stack, id)}/photos/${id}/original`);
    }
  }
  return paths;
}

async function shareOf({ url }: BenchStack, photoId: string): Promise<string> {
  const answer = await fetch(`${url}/api/v1/share`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ photo_id: photoId, allow_download: true }),
  });
  return ((await answer.json()) as { access_key: string }).access_key;
}
