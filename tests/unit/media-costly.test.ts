import { describe, expect, test } from "bun:test";
import { readHeifFacts } from "#media/pictures/heif/facts";
import { walkPngChunks } from "#media/pictures/png-chunks";
import { createReader } from "#media/rewrite/reader";
import { crowdedHeic, crowdedPng } from "#tests/fixtures/costly-pictures";
import { box, fullBox, u16, u32, u8 } from "#tests/fixtures/heic";
import { processorMs } from "#tests/support/processor-time";

const heif = (...inMeta: Buffer[]) =>
  Buffer.concat([
    box("ftyp", Buffer.from("heic"), u32(0), Buffer.from("mif1heic")),
    fullBox("meta", 0, ...inMeta),
  ]);

/** Items with 65 535 extents, none of which takes a byte of the file. */
function zeroBytePlaces(): Buffer {
  const item = u16(1, 0, 0xffff);
  return heif(fullBox("iloc", 0, u8(0, 0), u16(0xffff), Buffer.alloc(0xffff * item.length, item)));
}

function properties(): Buffer {
  const amount = 4_000_000;
  const entry = Buffer.concat([u16(1), u8(1, 1)]);
  const association = fullBox("ipma", 0, u32(amount), Buffer.alloc(amount * entry.length, entry));
  return heif(box("iprp", box("ipco", box("irot", u8(0))), association));
}

/** Texts that each span the whole file. */
function overlappingTexts(): Buffer {
  const ids = Array.from({ length: 10_000 }, (_, id) => id);
  const types = ids.map((id) => fullBox("infe", 2 << 24, u16(id, 0), Buffer.from("mime\0")));
  const build = (bytes: number) =>
    heif(
      fullBox("iinf", 0, u16(ids.length), ...types),
      fullBox(
        "iloc",
        0,
        u8(0x44, 0),
        u16(ids.length),
        ...ids.map((id) => Buffer.concat([u16(id, 0, 1), u32(0, bytes)])),
      ),
      box("free", Buffer.alloc(4_000_000)),
    );
  return build(build(0).length);
}

describe("a file crafted to be slow", () => {
  test.each([
    ["extents that take no bytes", zeroBytePlaces],
    ["associations of properties", properties],
    ["texts that overlap", overlappingTexts],
    ["boxes in tracks", () => crowdedHeic(4_000_000)],
  ])(
    "a HEIF's facts are read within a time limit: %s",
    async (_, make) => {
      const bytes = make();
      const spentMs = await processorMs(() =>
        expect(readHeifFacts(bytes)).toMatchObject({ frames: 1, xmp: undefined }),
      );
      expect(spentMs).toBeLessThan(1_000);
    },
    20_000,
  );

  test("a PNG's chunks are walked up to a limit, in windows", async () => {
    const reader = createReader(new Blob([new Uint8Array(await crowdedPng(100_000))]));
    let [reads, chunks] = [0, 0];
    const counted: typeof reader = {
      bytes: reader.bytes,
      exactly: (at, length) => ((reads += 1), reader.exactly(at, length)),
      from: (at) => ((reads += 1), reader.from(at)),
    };
    const walked = await walkPngChunks(counted, () => {
      chunks += 1;
      return true;
    });
    expect({ walked, chunks }).toEqual({ walked: "broken", chunks: 50_000 });
    expect(reads).toBeLessThan(10);
  });
});
