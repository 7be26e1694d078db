import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createTestApi, type TestApi } from "#tests/support/api";
import { insertPhoto } from "#tests/support/rows";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
  const titles = [
    "a quick red fox, jumping",
    "fox red",
    "red and fox",
    "brown fox quick brown",
    "quick brown fox",
    "한국의 가을",
    "서울 한강",
    "🇩🇪 summer",
    "🇫🇷🇩🇰",
    "step 1️⃣ of 2",
    "hash #️⃣",
    "star *⃣",
    "love ❤️",
    "heart ❤",
    "wave 👋🏽",
    "🏴󠁧󠁢󠁥󠁮󠁧󠁿 pub",
    "🏴󠁧󠁢󠁳󠁣󠁴󠁿 hills",
    "東京都の夜景",
    "京都と東京",
    "camera-ready art",
  ];
  for (const title of titles) {
    await insertPhoto(api.deps.database.db, { title, filename: "x" });
  }
});
afterAll(() => api.close());

async function found(q: string, more = ""): Promise<string[]> {
  const query = `q=${encodeURIComponent(q)}&sort=oldest&limit=100${more}`;
  const [status, body] = await api.call("GET", `/photos?${query}`);
  expect({ q, status }).toEqual({ q, status: 200 });
  expect(body.total).toBe(body.items.length);
  return body.items.map((photo: { title: string }) => photo.title);
}

describe("photos are found", () => {
  test.each<[string, string[]]>([
    ["한", ["한국의 가을", "서울 한강"]],
    ["한국", ["한국의 가을"]],
    ["강", ["서울 한강"]],
    ["가을 한국", ["한국의 가을"]],
    ["🇩🇪", ["🇩🇪 summer"]],
    ["🇩🇰", ["🇫🇷🇩🇰"]],
    ["🇷🇩", []],
    ["1️⃣", ["step 1️⃣ of 2"]],
    ["1⃣", ["step 1️⃣ of 2"]],
    ["2️⃣", []],
    ["#️⃣", ["hash #️⃣"]],
    ["*️⃣", ["star *⃣"]],
    ["❤", ["love ❤️", "heart ❤"]],
    ["❤️", ["love ❤️", "heart ❤"]],
    ["👋", ["wave 👋🏽"]],
    ["👋🏿", ["wave 👋🏽"]],
    ["🏴󠁧󠁢󠁥󠁮󠁧󠁿", ["🏴󠁧󠁢󠁥󠁮󠁧󠁿 pub"]],
  ])("%s", async (q, titles) => expect(await found(q)).toEqual(titles));
});

describe("words in quotes are a phrase", () => {
  test.each<[string, string[]]>([
    ['"red fox"', ["a quick red fox, jumping"]],
    ['"RED, Fox"', ["a quick red fox, jumping"]],
    ["“red fox”", ["a quick red fox, jumping"]],
    ['"fox red"', ["fox red"]],
    ['"quick brown fox"', ["quick brown fox"]],
    ['"red fox" jum', ["a quick red fox, jumping"]],
    ['jumping "red fox" quick', ["a quick red fox, jumping"]],
    ['"red fo"', []],
    ['"東京都"', ["東京都の夜景"]],
    [
      '"fox',
      [
        "a quick red fox, jumping",
        "fox red",
        "red and fox",
        "brown fox quick brown",
        "quick brown fox",
      ],
    ],
    ['"" jumping', ["a quick red fox, jumping"]],
    ['""', []],
  ])("%s", async (q, titles) => expect(await found(q)).toEqual(titles));

  test("not across the texts of a photo", async () => {
    const { db } = api.deps.database;
    await insertPhoto(db, { title: "blue", tags: ["heron", "grey whale"], filename: "x" });
    expect(await found('"blue heron"')).toEqual([]);
    expect(await found('"heron grey"')).toEqual([]);
    expect(await found('"grey whale" blue')).toEqual(["blue"]);
  });
});

describe("a word with a minus before it excludes photos", () => {
  test.each<[string, string[]]>([
    ["fox -red", ["brown fox quick brown", "quick brown fox"]],
    ["fox -red -brown", []],
    ['fox -"quick brown"', ["a quick red fox, jumping", "fox red", "red and fox"]],
    ['fox -"brown fox"', ["a quick red fox, jumping", "fox red", "red and fox"]],
    ["-red fox", ["brown fox quick brown", "quick brown fox"]],
    ["camera-ready", ["camera-ready art"]],
    ["camera - ready", ["camera-ready art"]],
    ["art -camera-ready", []],
    ["art -ready-camera", ["camera-ready art"]],
    ["art --camera", ["camera-ready art"]],
    ["한강 -서울", []],
    [
      "fox -!",
      [
        "a quick red fox, jumping",
        "fox red",
        "red and fox",
        "brown fox quick brown",
        "quick brown fox",
      ],
    ],
    ["-!", []],
  ])("%s", async (q, titles) => expect(await found(q)).toEqual(titles));

  test("also without any other word", async () => {
    const titles = await found("-fox");
    expect(titles.length).toBeGreaterThan(10);
    expect(titles.filter((title) => title.includes("fox"))).toEqual([]);
  });
});

test("operators of the database have no effect in a query", async () => {
  for (const q of [
    "fox & red",
    "fox | cat",
    "fox:*",
    "(fox",
    "'fox' \\",
    "!fox",
    "fox <-> red",
    "'",
  ]) {
    await found(q);
  }
});
