import { afterAll, beforeAll, expect, test } from "bun:test";
import { eq, sql } from "drizzle-orm";
import { applyMigrations } from "#db/migrations";
import { insertUpload, updatePhoto } from "#db/queries/photos/photos";
import { photos } from "#db/schema/photos";
import { sha256Of } from "#sha256";
import { createTestDatabase } from "#tests/support/database";
import { insertPhoto } from "#tests/support/rows";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

async function isFoundBy(id: string, word: string): Promise<boolean> {
  const rows = await database.db
    .select({ id: photos.id })
    .from(photos)
    .where(sql`${photos.id} = ${id} and ${photos.search} @@ ${`'${word}'`}::tsquery`);
  return rows.length === 1;
}

test("photos older than the search columns are found by their words after the migrations", async () => {
  const { db } = database;
  const rows = [];
  for (let n = 0; n < 1_203; n += 1) {
    rows.push({
      id: crypto.randomUUID(),
      kind: "generated" as const,
      filename: n === 7 ? "---" : `Pícture-${n}.png`,
      title: n === 3 ? `it's "quoted" \\ title` : null,
      tags: ["Sea", `Näher ${n}`, `"a,{b}"`],
      retrievalStatus: "pending" as const,
      generation: { prompt: `a fox, number ${n}` },
    });
  }
  await db.insert(photos).values(rows);
  await applyMigrations(database);
  const [last, quoted] = [rows.at(-1)!.id, rows[3]!.id];
  expect(await isFoundBy(last, "picture")).toBe(true);
  expect(await isFoundBy(last, "naher")).toBe(true);
  expect(await isFoundBy(quoted, "quoted")).toBe(true);
  expect(await isFoundBy(last, "number' <1> '1202")).toBe(true);
  const [filled] = await db.select().from(photos).where(eq(photos.id, last));
  expect(filled!.tagKeys).toEqual(["sea", "näher 1202", '"a,{b}"']);
  expect(filled!.promptHash).toBe(sha256Of("a fox, number 1202"));
  expect(await db.$count(photos, eq(photos.search, ""))).toBe(0);
});

test("an upload is found by its words, and by the words of later changes", async () => {
  const made = await insertPhoto(database.db, { filename: "harbour.jpg" });
  await database.db.delete(photos);
  await insertUpload(database.db, { ...made, search: "" }, {});
  expect(await isFoundBy(made.id, "harbour")).toBe(true);
  await updatePhoto(database.db, { id: made.id, change: { title: "Zürich", tags: ["Fog"] } });
  for (const word of ["harbour", "zurich", "fog"]) {
    expect(await isFoundBy(made.id, word)).toBe(true);
  }
  await updatePhoto(database.db, { id: made.id, change: { title: null } });
  expect(await isFoundBy(made.id, "zurich")).toBe(false);
  await updatePhoto(database.db, { id: made.id, change: { isFavorite: true } });
  const [row] = await database.db.select().from(photos).where(eq(photos.id, made.id));
  expect(row).toMatchObject({ tagKeys: ["fog"], isFavorite: true });
  expect(await isFoundBy(made.id, "fog")).toBe(true);
});

test.each([
  ["words", (n: number) => `wörd${n} `],
  ["letters of a script without spaces", (n: number) => String.fromCodePoint(0x4e00 + n)],
  ["letters that fold into several", () => "\ufdfa "],
  ["one word", () => "𒀀"],
])("prompts of 10 000 characters are stored and indexed: %s", async (_, letter) => {
  const prompt = Array.from({ length: 10_000 }, (_one, n) => letter(n))
    .join("")
    .slice(0, 10_000);
  const generation = { prompt, negativePrompt: Array.from(prompt).toReversed().join("") };
  const photo = await insertPhoto(database.db, { generation });
  const [row] = await database.db.select().from(photos).where(eq(photos.id, photo.id));
  expect(row!.search.length).toBeGreaterThan(1);
});
