import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { readInvokeMetadata } from "#media/metadata/invoke-metadata";
import { findPngTexts } from "#media/pictures/png-text";
import { plain, pngChunk, pngOf, withPngChunks } from "#tests/fixtures/pictures";

let folder: string;
let files = 0;
let png: Buffer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "media-metadata-"));
  png = await plain(32, 32, "red").png().toBuffer();
});
afterAll(() => rm(folder, { recursive: true }));

async function read(bytes: Uint8Array) {
  const path = join(folder, `${(files += 1)}.png`);
  await writeFile(path, bytes);
  return readInvokeMetadata(await findPngTexts(path));
}

const keyword = "invokeai_metadata\0";
const plainText = (text: string) => pngChunk("tEXt", Buffer.from(`${keyword}${text}`, "latin1"));
const zipped = (text: string) =>
  pngChunk("zTXt", Buffer.concat([Buffer.from(`${keyword}\0`), deflateSync(Buffer.from(text))]));
const international = (text: string, isZipped: boolean) =>
  pngChunk(
    "iTXt",
    Buffer.concat([
      Buffer.from(keyword),
      Buffer.from([isZipped ? 1 : 0, 0]),
      Buffer.from("en\0title\0"),
      isZipped ? deflateSync(text) : Buffer.from(text),
    ]),
  );

describe("InvokeAI's metadata in a PNG", () => {
  test.each([
    ["tEXt", () => plainText('{"seed":7,"positive_prompt":"a cat"}')],
    ["zTXt", () => zipped('{"seed":7,"positive_prompt":"a cat"}')],
    ["iTXt", () => international('{"seed":7,"positive_prompt":"a cat"}', false)],
    ["compressed iTXt", () => international('{"seed":7,"positive_prompt":"a cat"}', true)],
  ])("is read from %s", async (_, chunk) => {
    expect(await read(withPngChunks(png, chunk()))).toEqual({ seed: 7, positive_prompt: "a cat" });
  });

  test("is read in any script, after other chunks and after the pixels", async () => {
    const chunk = international('{"positive_prompt":"猫 🐈"}', false);
    const other = pngChunk("tEXt", Buffer.from("invokeai_graph\0{}"));
    const end = png.length - 12;
    const late = Buffer.concat([png.subarray(0, end), other, chunk, png.subarray(end)]);
    expect(await read(late)).toEqual({ positive_prompt: "猫 🐈" });
  });

  test.each([
    ["a PNG without it", () => png],
    ["an empty file", () => Buffer.alloc(0)],
    ["a file cut within the chunk", () => withPngChunks(png, plainText("{}")).subarray(0, 50)],
    ["invalid JSON", () => withPngChunks(png, plainText("{seed:7"))],
    ["JSON that is not an object", () => withPngChunks(png, plainText("[1]"))],
    [
      "a longer keyword",
      () => withPngChunks(png, pngChunk("tEXt", Buffer.from("invokeai_metadata2\0{}"))),
    ],
    [
      "damaged compression",
      () => withPngChunks(png, pngChunk("zTXt", Buffer.from(`${keyword}\0xxx`))),
    ],
    [
      "iTXt without its parts",
      () => withPngChunks(png, pngChunk("iTXt", Buffer.from(`${keyword}\0`))),
    ],
    [
      "more than a mebibyte",
      () => withPngChunks(png, plainText(JSON.stringify({ x: "y".repeat(1_048_576) }))),
    ],
    [
      "a mebibyte and more once unpacked",
      () => withPngChunks(png, zipped(JSON.stringify({ x: "y".repeat(1_048_576) }))),
    ],
    ["33 levels", () => withPngChunks(png, plainText(`${'{"a":'.repeat(33)}{}${"}".repeat(33)}`))],
    ["endless levels", () => withPngChunks(png, zipped("[".repeat(1_000_000)))],
    [
      "a chunk that claims four gigabytes",
      () => pngOf(Buffer.from("\xff\xff\xff\xfftEXt", "latin1")),
    ],
  ])("%s is ignored", async (_, make) => {
    expect(await read(make())).toBeUndefined();
  });

  test("32 levels are read", async () => {
    const deep = `${'{"a":'.repeat(31)}{}${"}".repeat(31)}`;
    expect(await read(withPngChunks(png, plainText(deep)))).toEqual(JSON.parse(deep));
  });

  test("a file of only empty chunks is given up early", async () => {
    const empty = pngChunk("aaAA", Buffer.alloc(0));
    const many = Buffer.concat(Array.from({ length: 60_000 }, () => empty));
    expect(await read(withPngChunks(png, many, plainText("{}")))).toBeUndefined();
  });
});
