import { describe, expect, test } from "bun:test";
import { searchColumns, tagKey } from "#db/search/search-words";
import * as words from "#db/search/words";
import { sha256Of } from "#sha256";

const { fold } = words;
const indexWords = (text: string) => words.indexWords(text).map(({ word }) => word);
const queryWords = (text: string) => words.queryWords(text).map(({ word }) => word);

describe("words are folded", () => {
  test.each([
    ["Élan VITAL", "elan vital"],
    ["Straße", "strasse"],
    ["STRAẞE", "strasse"],
    ["İstanbul ılık", "istanbul ilik"],
    ["Søren Łódź Đà Nẵng", "soren lodz da nang"],
    ["ὈΔΥΣΣΕΎΣ Ὀδυσσεύς", "οδυσσευσ οδυσσευσ"],
    ["Ёлка й", "елка и"],
    ["ﬁne ℌ ①", "fine h 1"],
    ["ガ か\u3099", "カ か"],
    ["שָׁלוֹם", "שלום"],
    ["مُحَمَّد", "محمد"],
    ["한국", "한국"],
    ["हिन्दी", "हिनदी"],
  ])("%p is %p", (text, folded) => expect(fold(text)).toBe(folded));
});

describe("words are split", () => {
  test.each([
    ["(masterpiece:1.2), don't", ["masterpiece", "1", "2", "don", "t"]],
    ["IMG_2024-05-01.sunset.JPG", ["img", "2024", "05", "01", "sunset", "jpg"]],
    ["<lora:Fog_v2:0.8>", ["lora", "fog", "v2", "0", "8"]],
    ["🌊sea🌊", ["🌊", "sea", "🌊"]],
    ["🇩🇪🇫🇷x", ["🇩🇪", "🇫🇷", "x"]],
    ["step1️⃣2 #️⃣*️⃣", ["step", "1⃣", "2", "#⃣", "*⃣"]],
    ["❤️ 👨‍👩‍👧 👋🏽", ["❤", "👨", "👩", "👧", "👋"]],
    ["한국은", ["한", "국", "은", "한국", "국은"]],
    ["日本x", ["日", "本", "日本", "x"]],
    [" ... --- ", []],
    ["\ud800 \0", []],
  ])("%p into %j", (text, words) => expect(indexWords(text)).toEqual(words));

  test("a query in a script without spaces is found inside a longer text", () => {
    const found = indexWords("東京都の夜景を歩くทะเลสาบ");
    for (const query of ["東京", "京都", "夜景", "歩", "ทะเล", "สาบ"]) {
      expect(queryWords(query).filter((word) => !found.includes(word))).toEqual([]);
    }
    expect(found).not.toContain(queryWords("東都")[0]!);
  });

  test("a word longer than Postgres allows is compared by its beginning", () => {
    const [word] = indexWords("𒀀".repeat(3_000));
    expect(word).toBe("𒀀".repeat(100));
    expect(queryWords("𒀀".repeat(200))).toEqual([word!]);
  });
});

describe("a photo is found", () => {
  const photo = {
    filename: "DSC_01.png",
    title: "Café",
    tags: ["Été", "SEA"],
    generation: { prompt: "a red fox", negativePrompt: "people" },
  };

  test("by the words of all its texts, each once", () => {
    expect(searchColumns(photo).search).toBe(
      "'cafe':1 'dsc':3 '01':4 'png':5 'ete':7 'sea':9 'a':11 'red':12 'fox':13 'people':15",
    );
  });

  test("by its tags without their case", () => {
    expect(searchColumns(photo).tagKeys).toEqual(["été", "sea"]);
    expect(tagKey("E\u0301TE\u0301")).toBe(tagKey("Été"));
  });

  test("by the SHA-256 of its prompt as it is stored", () => {
    expect(searchColumns(photo).promptHash).toBe(sha256Of("a red fox"));
    expect(searchColumns({ filename: "x" }).promptHash).toBeNull();
  });

  test("is marked as indexed even without a single word", () => {
    expect(searchColumns({ filename: "---" }).search).toBe("'-'");
  });
});
