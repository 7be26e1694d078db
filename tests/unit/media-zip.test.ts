import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zipChunks, type ZipEntry, zipLength } from "#media/archives/zip";
import { cleanName, createEntryNames } from "#media/archives/zip-names";
import { sha256Of } from "#sha256";
import { readZip } from "#tests/support/zip";
import { processorMs } from "#tests/support/processor-time";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gallery-zip-"));
});

afterAll(() => rm(folder, { recursive: true }));

const entry = (name: string, blob: Blob, modified = "2026-05-01 12:34:56"): ZipEntry => ({
  name,
  modified,
  open: async () => ({ bytes: blob.size, content: blob }),
});

/** Writes an archive as a sparse file, with holes for long runs of zeros. */
async function writeZip(name: string, entries: ZipEntry[]): Promise<string> {
  const path = join(folder, name);
  await using file = await open(path, "w");
  let at = 0;
  for await (const chunk of zipChunks(entries)) {
    if (!isZeros(chunk)) await file.write(chunk, 0, chunk.length, at);
    at += chunk.length;
  }
  expect((await stat(path)).size).toBe(at);
  return path;
}

const zeros = new Uint8Array(1 << 18);
const isZeros = (chunk: Uint8Array) =>
  chunk.length === zeros.length && Buffer.compare(chunk, zeros) === 0;

/** A file of zeros, of any size. */
const hollow = (size: number): Blob =>
  ({
    size,
    slice: (from: number, to: number) => ({
      bytes: async () => new Uint8Array(to - from),
    }),
  }) as unknown as Blob;

describe("an archive", () => {
  test("is read by other programs with unchanged names, times, modes and bytes", async () => {
    const small = randomBytes(1_000);
    const large = randomBytes(9_000_001);
    const entries = [
      entry("sommer é 夏.jpg", new Blob([small])),
      entry("empty.png", new Blob([])),
      entry("large.png", new Blob([large]), "1955-01-01T00:00:00"),
    ];
    const path = await writeZip("plain.zip", entries);
    expect(await readZip(path)).toEqual([
      {
        name: "sommer é 夏.jpg",
        bytes: 1_000,
        modified: "2026-05-01T12:34:56.000Z",
        mode: "100644",
        method: 0,
        isUtf8: true,
        sha256: sha256Of(small),
      },
      expect.objectContaining({ name: "empty.png", bytes: 0 }),
      expect.objectContaining({
        name: "large.png",
        modified: "1980-01-01T00:00:00.000Z",
        sha256: sha256Of(large),
      }),
    ]);
    expect((await stat(path)).size).toBe(
      zipLength([
        { name: "sommer é 夏.jpg", bytes: 1_000 },
        { name: "empty.png", bytes: 0 },
        { name: "large.png", bytes: 9_000_001 },
      ]),
    );
  });

  test("without files is a valid archive", async () => {
    expect(await readZip(await writeZip("empty.zip", []))).toEqual([]);
    expect(zipLength([])).toBe(22);
  });

  test("above 4 GiB is read by other programs, including files beyond 4 GiB, and has the announced length", async () => {
    const gib = 2 ** 30;
    const files = [
      { name: "one.png", bytes: 3 * gib },
      { name: "two.png", bytes: 1.5 * gib },
      { name: "behind.png", bytes: 10 },
    ];
    const path = await writeZip(
      "large.zip",
      files.map(({ name, bytes }) => entry(name, hollow(bytes))),
    );
    const read = await readZip(path);
    expect(read.map(({ name, bytes }) => ({ name, bytes }))).toEqual(files);
    expect((await stat(path)).size).toBe(zipLength(files));
  }, 120_000);

  test("with a file above 4 GiB is read by other programs, and has the announced length", async () => {
    const files = [
      { name: "huge.png", bytes: 2 ** 32 + 5 },
      { name: "huge too.png", bytes: 2 ** 32 - 1 },
    ];
    const path = await writeZip(
      "huge.zip",
      files.map(({ name, bytes }) => entry(name, hollow(bytes))),
    );
    const read = await readZip(path);
    expect(read.map(({ name, bytes }) => ({ name, bytes }))).toEqual(files);
    expect((await stat(path)).size).toBe(zipLength(files));
  }, 120_000);

  test("of 70 000 files is read completely by other programs, and has the announced length", async () => {
    const blob = hollow(1);
    const names = Array.from({ length: 70_000 }, (_, at) => `${at}.png`);
    const path = join(folder, "many.zip");
    const entries = names.map((name) => entry(name, blob));
    await Bun.write(path, Buffer.concat(await Array.fromAsync(zipChunks(entries))));
    const read = await readZip(path, 0);
    expect(read.map(({ name }) => name)).toEqual(names);
    expect((await stat(path)).size).toBe(zipLength(names.map((name) => ({ name, bytes: 1 }))));
  }, 60_000);

  test("fails when a file has become shorter", async () => {
    const short = { size: 5_000_000, slice: () => new Blob(["short"]) } as unknown as Blob;
    const fault = await writeZip("short.zip", [entry("a.png", short)]).catch((error) => error);
    expect(String(fault)).toContain("changed");
  });
});

describe("names in an archive", () => {
  const named = (names: string[], type = "image/jpeg") => {
    const nameFor = createEntryNames();
    return names.map((name) => nameFor(name, type));
  };

  test("differ in more than case and Unicode normalization", () => {
    expect(named(["a.jpg", "A.JPG", "a.jpg", "a (2).jpg", "é.jpg", "e\u0301.jpg"])).toEqual([
      "a.jpg",
      "A (2).JPG",
      "a (3).jpg",
      "a (2) (2).jpg",
      "é.jpg",
      "é (2).jpg",
    ]);
  });

  test("leave no folder, and contain no invisible characters and none that Windows forbids", () => {
    expect(
      named([
        "../../etc/passwd.jpg",
        "C:\\x\\y.jpg",
        "a\u0000\u202eb.jpg",
        'q?*"<>|:.jpg',
        "..",
        "",
      ]),
    ).toEqual(["passwd.jpg", "y.jpg", "ab.jpg", "q_______.jpg", "photo.jpg", "photo (2).jpg"]);
    expect(named(["CON.jpg", "com1.jpg", "nul", "console.jpg", "end. "])).toEqual([
      "CON_.jpg",
      "com1_.jpg",
      "nul_.jpg",
      "console.jpg",
      "end.jpg",
    ]);
  });

  test("have the extension of the file's type", () => {
    expect(named(["run.exe", "IMG.JPEG", "photo.png"])).toEqual([
      "run.exe.jpg",
      "IMG.JPEG",
      "photo.png.jpg",
    ]);
  });

  test("fit the limits of file systems, in any script", () => {
    const long = named(["夏".repeat(500), "夏".repeat(500), `${"x".repeat(300)}.jpg`]);
    for (const name of long) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
    expect(new Set(long).size).toBe(3);
    expect(long.every((name) => name.endsWith(".jpg"))).toBe(true);
  });

  test("of ten thousand duplicates are generated in linear time", async () => {
    const spentMs = await processorMs(() => {
      expect(new Set(named(Array<string>(10_000).fill("IMG_0001.JPG"))).size).toBe(10_000);
    });
    expect(spentMs).toBeLessThan(5_000);
  });

  test("an album's name becomes a file name", () => {
    expect(cleanName("Summer 2026: sea/sun", "photos")).toBe("Summer 2026_ sea_sun");
  });
});
