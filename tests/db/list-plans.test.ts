import { afterAll, beforeAll, expect, test } from "bun:test";
import { drizzle } from "drizzle-orm/postgres-js";
import { listPhotos } from "#db/queries/photos";
import * as schema from "#db/schema/index";
import { createTestDatabase } from "#tests/support/database";

let database: Awaited<ReturnType<typeof createTestDatabase>>;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const after = { createdAt: "2026-01-01T00:00:00.000Z", id: "00000000-0000-7000-8000-000000000000" };

test.each([
  ["the newest photos", "newest", {}],
  ["the oldest photos", "oldest", {}],
  ["the newest photos from a cursor on", "newest", { after }],
  ["the oldest photos from a cursor on", "oldest", { after }],
] as const)("%s are read in their order from an index, without a sort", async (_, order, place) => {
  const plan = await planOf({ filter: { isTrashed: false }, order, limit: 51, ...place });
  expect(plan).toContain("using photos_newest");
  expect(plan).not.toContain("Sort");
});

test.each(["newest", "oldest"] as const)(
  "the %s generated photos are read in their order from an index, without a sort",
  async (order) => {
    const filter = { isTrashed: false, kind: "generated" } as const;
    const plan = await planOf({ filter, order, limit: 51 });
    expect(plan).toContain("using photos_newest_by_kind");
    expect(plan).not.toContain("Sort");
  },
);

/** How Postgres would read the page of a large library; an empty table alone it would just walk through. */
async function planOf(params: Parameters<typeof listPhotos>[1]): Promise<string> {
  const sent: { text: string; params: unknown[] }[] = [];
  const logger = {
    logQuery: (text: string, its: unknown[]) => void sent.push({ text, params: its }),
  };
  await listPhotos(drizzle(database.sql, { schema, logger }), params);
  const { text, params: values } = sent[0]!;
  return database.sql.begin(async (tx) => {
    await tx`set local enable_seqscan = off`;
    await tx`set local enable_bitmapscan = off`;
    const lines = await tx.unsafe(`explain ${text}`, values as string[]);
    return lines.map((line) => line["QUERY PLAN"]).join("\n");
  });
}
