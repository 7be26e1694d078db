import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { originalKey } from "#media/storage/keys";
import type { Database } from "#db/client";
import { seedPhotos } from "./seed";

const atOnce = 500;

/** Adds rows of photos, and an original of random bytes for each row, which is no picture. */
export async function seedOriginals(
  database: Database,
  library: { dataDir: string; amount: number; bytesEach: number },
): Promise<void> {
  const { dataDir, amount, bytesEach } = library;
  await seedPhotos(database, amount);
  const { sql } = database;
  const rows = await sql<{ id: string; kind: "uploaded" | "generated" }[]>`
    select id, kind from photos`;
  for (let at = 0; at < rows.length; at += atOnce) {
    const made = await Promise.all(
      rows.slice(at, at + atOnce).map(async ({ id, kind }) => {
        const bytes = crypto.getRandomValues(new Uint8Array(bytesEach));
        const path = join(dataDir, originalKey({ id, kind, mimeType: "image/png" }));
        await mkdir(dirname(path), { recursive: true });
        await writeFile(path, bytes);
        return { id, hash: new Bun.CryptoHasher("sha256").update(bytes).digest("hex") };
      }),
    );
    await sql`
      update photos set content_hash = made.hash, file_size = ${bytesEach}
      from jsonb_to_recordset(${JSON.stringify(made)}::text::jsonb) as made (id uuid, hash text)
      where photos.id = made.id`;
  }
  await sql`vacuum analyze photos`;
}
