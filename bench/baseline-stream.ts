/**
 * `bun bench/baseline-stream.ts FOLDER`: answers with all files of the folder, one after another, in chunks, and does
 * nothing else.
 */
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";

const folder = process.argv[2]!;
const chunkBytes = 256 * 1024;

async function* readAll(): AsyncGenerator<Uint8Array> {
  for (const name of await readdir(folder, { recursive: true })) {
    if (!name.endsWith(".png")) continue;
    await using file = await open(join(folder, name));
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(chunkBytes));
      if (bytesRead === 0) break;
      yield buffer.subarray(0, bytesRead);
    }
  }
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: () => new Response(readAll() as unknown as BodyInit),
});
console.log(`ready ${server.url.href}`);
