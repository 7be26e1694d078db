import { rgbaToThumbHash } from "thumbhash";
import { median } from "../rounds";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

const photos = 500;
const rounds = 200;

/** The page of a shared album: time to first byte and size, without its pictures. */
export async function measureSharePage(stack: BenchStack): Promise<Row[]> {
  const path = await shareAlbum(stack);
  const page = `${stack.url}${path}`;
  // A page that was not requested before, so its placeholders are not cached.
  const unseen = await timeToFirstByte(`${page}?page=2`);
  const seen: number[] = [];
  for (let round = 0; round < rounds; round += 1) seen.push(await timeToFirstByte(page));
  const parts = await Promise.all(["", "style", "script"].map((part) => bytesOf(`${page}${part}`)));
  const [html = 0, style = 0, script = 0] = parts;
  return [
    {
      what: `page of a shared album of ${photos}, to its first byte, p50`,
      ours: median(seen),
      unit: "ms",
    },
    { what: "the same, by its first visitor", ours: unseen, unit: "ms" },
    { what: "page of a shared album, without its pictures", ours: html / 1_000, unit: "KB" },
    {
      what: "all that it loads before its pictures",
      ours: (html + style + script) / 1_000,
      unit: "KB",
      aim: { atMost: 60 },
    },
  ];
}

async function timeToFirstByte(url: string): Promise<number> {
  const startedAt = performance.now();
  const answer = await fetch(url);
  const ms = performance.now() - startedAt;
  if (!answer.ok) throw new Error(`the page answered ${answer.status}`);
  await answer.arrayBuffer();
  return ms;
}

const bytesOf = async (url: string) => (await (await fetch(url)).arrayBuffer()).byteLength;

/**
 * An album of rows without files, each with a unique thumbhash.
 * @returns the path of its page
 */
async function shareAlbum({ database: { sql }, url }: BenchStack): Promise<string> {
  const albumId = crypto.randomUUID();
  await sql`insert into albums (id, name) values (${albumId}, 'Shared')`;
  const rows = Array.from({ length: photos }, (_, at) => ({
    id: crypto.randomUUID(),
    kind: "uploaded",
    filename: `${at}.jpg`,
    mime_type: "image/jpeg",
    width: at % 3 === 0 ? 3000 : 4000,
    height: at % 3 === 0 ? 4000 : 3000,
    file_size: 1_000_000,
    content_hash: new Bun.CryptoHasher("sha256").update(`shared ${at}`).digest("hex"),
    thumbhash: thumbhashOf(at),
    retrieval_status: "completed",
  }));
  await sql`insert into photos ${sql(rows)}`;
  const places = rows.map(({ id }, at) => ({ album_id: albumId, photo_id: id, rank: at + 1 }));
  await sql`insert into album_photos ${sql(places)}`;
  const answer = await fetch(`${url}/api/v1/share`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ album_id: albumId, allow_download: true }),
  });
  return `/s/${((await answer.json()) as { access_key: string }).access_key}/`;
}

/** The thumbhash of a small picture with some light and colour. */
function thumbhashOf(seed: number): string {
  const [width, height] = [24, 18];
  const rgba = Uint8Array.from({ length: width * height * 4 }, (_, at) =>
    at % 4 === 3 ? 255 : (at * (seed + 3) * 7 + (at >> 5) * seed) % 256,
  );
  return Buffer.from(rgbaToThumbHash(width, height, rgba)).toString("base64");
}
