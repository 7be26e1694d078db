import { afterAll, beforeAll, expect, test } from "bun:test";
import { drizzle } from "drizzle-orm/postgres-js";
import type { Db } from "#db/client";
import { countAlbumPhotos, listAlbumPhotos } from "#db/queries/albums/album-photos";
import { findAlbumView } from "#db/queries/albums/album-views";
import * as schema from "#db/schema/index";
import { createTestDatabase } from "#tests/support/database";

const albumId = "00000000-0000-7000-8000-000000000000";
const inAlbum = { albumId, retrievedOnly: true };
let database: Awaited<ReturnType<typeof createTestDatabase>>;

// As after a large import: the tables have no statistics until autovacuum runs.
beforeAll(async () => {
  database = await createTestDatabase();
  for (const table of ["photos", "album_photos"]) {
    await database.sql.unsafe(`alter table ${table} set (autovacuum_enabled = false)`);
  }
  await database.sql`
    insert into photos (id, kind, filename, mime_type, width, height, file_size, content_hash, retrieval_status)
    select gen_random_uuid(), 'uploaded', 'x', 'image/png', 1, 1, 1, encode(sha256(n::text::bytea), 'hex'), 'completed'
    from generate_series(1, 500) as n`;
  await database.sql`insert into albums (id, name) values (${albumId}, 'Some')`;
  await database.sql`
    insert into album_photos (album_id, photo_id, rank)
    select ${albumId}, id, row_number() over () from photos`;
});
afterAll(() => database.drop());

test.each([
  ["page", (db: Db) => listAlbumPhotos(db, { ...inAlbum, after: null, limit: 51, offset: 0 })],
  ["total", (db: Db) => countAlbumPhotos(db, { ...inAlbum, bound: null })],
  ["cover", (db: Db) => findAlbumView(db, albumId)],
])("the %s of a large album just imported reads at most two rows per photo", async (_, query) => {
  for (const rows of await rowsRead(query)) expect(rows).toBeLessThanOrEqual(1_000);
});

/** The rows of `photos` that each query reads, including those it filters out. */
async function rowsRead(query: (db: Db) => Promise<unknown>): Promise<number[]> {
  const sent: { text: string; values: unknown[] }[] = [];
  const logQuery = (text: string, values: unknown[]) => void sent.push({ text, values });
  await query(drizzle(database.sql, { schema, logger: { logQuery } }));
  const counts = [];
  for (const { text, values } of sent) {
    const [answer] = await database.sql.unsafe(
      `explain (analyze, format json) ${text}`,
      values as string[],
    );
    counts.push(readRows(answer!["QUERY PLAN"][0].Plan));
  }
  return counts;
}

type Plan = Record<string, any> & { Plans?: Plan[] };

function readRows(plan: Plan): number {
  const own =
    plan["Relation Name"] === "photos"
      ? (plan["Actual Rows"] + (plan["Rows Removed by Filter"] ?? 0)) * plan["Actual Loops"]
      : 0;
  return own + (plan.Plans ?? []).reduce((sum, part) => sum + readRows(part), 0);
}
