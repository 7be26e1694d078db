import { mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { originalKey } from "#media/storage/keys";
import { readMemory } from "../memory";
import { measureInTurn } from "../rounds";
import { runScript } from "../script";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

const files = 400;
const fileBytes = 5_000_000;
const rounds = 5;

type Download = { perSecond: number; megabytes: number; peak: number };

/** An album of 2 GB as a zip, against its files written to a socket, and the effect on memory. */
export async function measureZip(stack: BenchStack): Promise<Row[]> {
  const { path, ids } = await fillAlbum(stack);
  const plain = await stack.startServer("baseline-stream", {
    command: [
      process.execPath,
      "--no-env-file",
      join(import.meta.dir, "../baseline-stream.ts"),
      join(stack.folder, "data/photos/uploaded"),
    ],
    env: { PATH: process.env["PATH"] },
  });
  const { pid } = stack.api;
  const read = (url: string) => runScript<Download>("load-download", { url, pid });
  // The first responses include the cost of the process's start.
  await read(`${stack.url}${path}`);
  const before = (await readMemory(pid))?.now ?? 0;
  let peak = 0;
  let megabytes = 0;
  const seen = await measureInTurn(rounds, {
    ours: async () => {
      const done = await read(`${stack.url}${path}`);
      peak = Math.max(peak, done.peak);
      megabytes = done.megabytes;
      return done.perSecond;
    },
    plain: async () => (await read(`${plain.url}/`)).perSecond,
  });
  await plain.stop();
  await rm(join(stack.folder, "data/photos/uploaded"), { recursive: true });
  await stack.database.sql`delete from photos where id in ${stack.database.sql(ids)}`;
  return [
    {
      what: `an album of ${(megabytes / 1_000).toFixed(1)} GB as a zip`,
      ours: seen.ours,
      unit: "MB/s",
      baseline: { what: "the same files to the same socket", value: seen.plain },
      aim: { atLeast: 0.5 },
    },
    {
      what: `growth of the api's memory over ${rounds} such zips`,
      ours: Math.max(0, peak - before),
      unit: "MB",
      aim: { atMost: 50 },
    },
  ];
}

/** Rows and files without pictures; the measured code does not decode them. */
async function fillAlbum({ database: { sql }, folder }: BenchStack) {
  const albumId = crypto.randomUUID();
  await sql`insert into albums (id, name) values (${albumId}, 'Zip')`;
  const ids: string[] = [];
  const noise = new Uint8Array(fileBytes);
  for (let at = 0; at < fileBytes; at += 65_536) {
    crypto.getRandomValues(noise.subarray(at, at + 65_536));
  }
  for (let at = 0; at < files; at += 1) {
    const id = crypto.randomUUID();
    const path = join(folder, "data", originalKey({ id, kind: "uploaded", mimeType: "image/png" }));
    await mkdir(dirname(path), { recursive: true });
    await Bun.write(path, noise);
    ids.push(id);
  }
  const rows = ids.map((id, at) => ({
    id,
    kind: "uploaded",
    filename: `${at}.png`,
    mime_type: "image/png",
    width: 4000,
    height: 3000,
    file_size: fileBytes,
    content_hash: new Bun.CryptoHasher("sha256").update(`zip ${at}`).digest("hex"),
    retrieval_status: "completed",
  }));
  await sql`insert into photos ${sql(rows)}`;
  const places = ids.map((photo_id, at) => ({ album_id: albumId, photo_id, rank: at + 1 }));
  await sql`insert into album_photos ${sql(places)}`;
  return { path: `/api/v1/albums/${albumId}/download`, ids };
}
