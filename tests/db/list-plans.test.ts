import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { drizzle } from "drizzle-orm/postgres-js";
import type { Db } from "#db/client";
import { countPhotos, listPhotos } from "#db/queries/photos/photo-list";
import { findAlbumView } from "#db/queries/albums/album-views";
import { findSharedNeighbours } from "#db/queries/shares/shared-neighbours";
import type { PhotoFilter } from "#db/queries/photos/photo-filter";
import { findPhotoByHash } from "#db/queries/photos/duplicates";
import * as schema from "#db/schema/index";
import { createTestDatabase } from "#tests/support/database";

let database: Awaited<ReturnType<typeof createTestDatabase>>;

beforeAll(async () => {
  database = await createTestDatabase();
  await database.sql`
    insert into photos (id, kind, filename, mime_type, width, height, file_size, content_hash, retrieval_status,
      created_at, tag_keys, search)
    select gen_random_uuid(), 'uploaded', 'x', 'image/png', 1, 1, 1, encode(sha256(n::text::bytea), 'hex'), 'completed',
      now() - n * interval '1 hour', array['tag' || n % 500], array_to_tsvector(array['word' || n % 500, 'all'])
    from generate_series(1, 20000) as n`;
  await database.sql`insert into albums (id, name) values (${id}, 'Some')`;
  await database.sql`
    insert into album_photos (album_id, photo_id, rank)
    select ${id}, id, row_number() over () from photos where tag_keys @> '{tag1}'`;
  await database.sql`vacuum analyze`;
});
afterAll(() => database.drop());

const id = "00000000-0000-7000-8000-000000000000";
const first = { limit: 51, after: null, offset: 0 };
const after = { createdAt: "2026-01-01T00:00:00.000Z", shownAt: "2026-01-01", rating: 3, id };

const ordered: [string, Partial<PhotoFilter>, string][] = [
  ["all photos", {}, "photos_newest"],
  ["photos of a period", { since: new Date(0), until: new Date(1) }, "photos_newest"],
  ["generated photos", { kind: "generated" }, "photos_newest_by_kind"],
  ["favourites", { isFavorite: true }, "photos_favorite"],
  ["photos of a model", { modelKey: "m" }, "photos_model"],
  ["photos of a prompt", { samePromptAs: id }, "photos_prompt"],
  ["photos of a session", { sessionId: id }, "photos_session"],
  ["failed photos", { retrievalStatus: "failed" }, "photos_by_retrieval"],
  ["the trash", { isTrashed: true }, "photos_newest_trashed"],
];

describe.each(ordered)("%s", (_, its, index) => {
  const filter = { isTrashed: false, ...its };
  test.each([
    ["newest", "from the first one", {}],
    ["oldest", "from the first one", {}],
    ["newest", "from a cursor", { after }],
    ["oldest", "from a cursor", { after }],
  ] as const)(
    "%s, %s, are read in order from an index, without sorting",
    async (sort, _from, start) => {
      const [plan] = await plansOf({ filter, sort, ...first, ...start });
      expect(plan).toMatch(new RegExp(`using ${index}\\b`));
      expect(plan).not.toContain("Sort");
    },
  );
});

test.each([
  ["taken_at", "from the first one", {}, "photos_taken"],
  ["taken_at", "from a cursor", { after }, "photos_taken"],
  ["rating", "from the first one", {}, "photos_rated"],
  ["rating", "from a cursor", { after }, "photos_rated"],
] as const)(
  "photos by %s, %s, are read in order from an index, without sorting",
  async (sort, _from, start, index) => {
    const [plan] = await plansOf({ filter: { isTrashed: false }, sort, ...first, ...start });
    expect(plan).toContain(`using ${index}`);
    expect(plan).not.toContain("Sort");
  },
);

test.each([
  ["words", { search: "'all' & 'word7'" }, "photos_search"],
  ["a phrase without a word", { search: "('all' <1> 'word7') & !'word8'" }, "photos_search"],
  ["a tag", { tagKey: "tag7" }, "photos_tags"],
  ["an album", { albumId: id }, "album_photos"],
] as const)(
  "photos of %s are searched among the next in order, then by its index",
  async (_, its, index) => {
    const filter = { isTrashed: false, ...its };
    const [near, found] = await plansOf({ filter, sort: "newest", ...first });
    expect(near).toContain("using photos_newest");
    expect(found).toContain(index);
    expect(found).not.toContain("Seq Scan on photos");
  },
);

test.each([
  ["albums in a list", (db: Db) => findAlbumView(db, id)],
  [
    "the photos before one in a shared album",
    async (db: Db) => {
      const [row] = await database.sql`select photo_id from album_photos where rank = 20`;
      return findSharedNeighbours(db, { albumId: id, photoId: row!["photo_id"] });
    },
  ],
  [
    "photos by their state",
    (db: Db) =>
      countPhotos(db, { filter: { isTrashed: false, retrievalStatus: "completed" }, bound: null }),
  ],
])("%s are counted without reading their rows", async (_, read) => {
  const plans = (await plansOf(read)).filter((plan) => plan.includes("Aggregate"));
  expect(plans).toHaveLength(1);
  expect(plans[0]).toContain("Index Only Scan using photos_present");
});

test("a photo is found by its content hash through an index, whether uploaded or generated", async () => {
  const [plan] = await plansOf((db) => findPhotoByHash(db, "0".repeat(64)));
  expect(plan).toContain("photos_upload_once");
  expect(plan).toContain("photos_generated_bytes");
  expect(plan).not.toContain("Seq Scan");
});

/**
 * The plan of each query. A single query is planned with sorting disabled: for a filter that matches no row here,
 * Postgres would sort instead of reading an index in order.
 */
async function plansOf(
  read: ((db: Db) => Promise<unknown>) | Parameters<typeof listPhotos>[1],
): Promise<string[]> {
  const sent: { text: string; params: unknown[] }[] = [];
  const logger = {
    logQuery: (text: string, its: unknown[]) => void sent.push({ text, params: its }),
  };
  const db = drizzle(database.sql, { schema, logger });
  await (typeof read === "function" ? read(db) : listPhotos(db, read));
  const plans = [];
  for (const { text, params: values } of sent) {
    plans.push(
      await database.sql.begin(async (tx) => {
        if (sent.length === 1) await tx`set local enable_sort = off`;
        const lines = await tx.unsafe(`explain ${text}`, values as string[]);
        return lines.map((line) => line["QUERY PLAN"]).join("\n");
      }),
    );
  }
  return plans;
}
