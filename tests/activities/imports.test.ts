import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, open, realpath, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asc, inArray, like } from "drizzle-orm";
import { findImport, insertImport, listImportFaults } from "#db/queries/imports/imports";
import { albums } from "#db/schema/albums";
import { photos } from "#db/schema/photos";
import { createActivityBench } from "#tests/support/activities";
import { listFiles, listUnfinished } from "#tests/support/library";
import { pngOfShade } from "#tests/support/uploads";

const root = await realpath(await mkdtemp(join(tmpdir(), "gallery-import-")));
const maxUploadBytes = 1024 * 1024;
const bench = await createActivityBench({
  IMPORT_ROOTS: root,
  MAX_UPLOAD_SIZE: String(maxUploadBytes),
});
const { db } = bench;
let folder: string;
/** Every picture is different: a known one would be a duplicate. */
let shade = 500_000;

beforeEach(async () => {
  folder = join(root, crypto.randomUUID());
  await mkdir(folder, { recursive: true });
});
afterAll(async () => {
  await bench.close();
  await rm(root, { recursive: true, force: true });
});

/** With `charset` latin1, `name` may contain bytes that are not valid UTF-8. */
async function put(name: string, content?: string, charset: BufferEncoding = "utf8") {
  const path = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, charset)]);
  await mkdir(path.subarray(0, path.lastIndexOf("/")), { recursive: true });
  await writeFile(path, content ?? (await pngOfShade((shade += 1))));
}

async function importFolder() {
  const importId = crypto.randomUUID();
  await db.transaction((tx) =>
    insertImport(tx, { id: importId, path: folder, root, makesAlbums: true, watches: false }),
  );
  await bench.run("beginImport", { importId });
  await bench.run("countImportFiles", { importId });
  while ((await bench.run("importSlice", { importId })).state === "more");
  const row = await findImport(db, importId);
  const faults = await listImportFaults(db, { importId, limit: 1_000 });
  return { ...row!, faults: faults.map(({ file, code }) => [file, code]) };
}

const photosNamed = (...names: string[]) =>
  db.select().from(photos).where(inArray(photos.filename, names)).orderBy(asc(photos.filename));

test("a folder of a file server is imported without thumbnails, recycle bins and previews, and without albums for them", async () => {
  for (const name of ["2020/nas 1.png", "2020/nas 2.png", "2020/nas 10.png"]) await put(name);
  const others = [
    "#recycle",
    "$RECYCLE.BIN",
    "2020/@eaDir",
    "@Recycle",
    "Photos Library.photoslibrary/resources",
    "__MACOSX",
    "lost+found",
  ];
  for (const name of others) {
    await put(`${name}/one.png/two.png`);
    await put(`${name}/three.png`);
  }
  const before = await db.$count(albums);
  const done = await importFolder();
  expect(done).toMatchObject({ found: 10, imported: 3, duplicates: 0, failed: 7, sidecars: 0 });
  expect(done.faults).toEqual(others.map((name) => [name, "left_out"]));
  expect(await db.$count(albums)).toBe(before + 1);
});

test("a phone's folder is imported without deleted and unfinished files", async () => {
  for (const name of [
    "PXL_1.png",
    ".trashed-1732900000-PXL_2.png",
    ".pending-1732900000-PXL_3.png",
  ])
    await put(`Camera/${name}`);
  const done = await importFolder();
  expect(done).toMatchObject({ found: 3, imported: 1, failed: 2 });
  expect(await photosNamed("PXL_1.png")).toHaveLength(1);
});

test("files and folders whose names are not UTF-8 are imported under readable names", async () => {
  for (const name of [
    "ok 1.png",
    "caf\xe9.png",
    "No\xebl/one.png",
    "No\xebl/two.png",
    "No\xebl/x.tif",
  ])
    await put(name, name.endsWith("tif") ? "II*" : undefined, "latin1");
  const done = await importFolder();
  expect(done).toMatchObject({ found: 5, imported: 4, failed: 1 });
  expect(done.faults).toEqual([["Noël/x.tif", "unsupported_media_type"]]);
  expect(await photosNamed("café.png", "one.png", "two.png", "ok 1.png")).toHaveLength(4);
  expect(await db.select().from(albums).where(like(albums.name, "No%"))).toMatchObject([
    { name: "Noël" },
  ]);
  expect(await importFolder()).toMatchObject({ imported: 0, duplicates: 4, failed: 1 });
});

test("a file larger than MAX_UPLOAD_SIZE is skipped without being copied, and the next one is imported", async () => {
  await put("1 sparse.png");
  const sparse = await open(join(folder, "1 sparse.png"), "r+");
  await sparse.truncate(20 * 1024 ** 3);
  await sparse.close();
  await put("2 behind.png");
  const before = await listFiles(bench.dataDir, "uploaded");
  const done = await importFolder();
  expect(done).toMatchObject({ found: 2, imported: 1, failed: 1 });
  expect(done.faults).toEqual([["1 sparse.png", "payload_too_large"]]);
  expect(await listFiles(bench.dataDir, "uploaded")).toHaveLength(before.length + 1);
  expect(await listUnfinished(bench.dataDir)).toEqual([]);
}, 60_000);

test("files that disappear after they were counted are reported in one entry", async () => {
  for (const name of ["kept/1.png", "gone/1.png", "gone/2.png", "gone/3.png"]) await put(name);
  const importId = crypto.randomUUID();
  await db.transaction((tx) =>
    insertImport(tx, { id: importId, path: folder, root, makesAlbums: false, watches: false }),
  );
  await bench.run("beginImport", { importId });
  await bench.run("countImportFiles", { importId });
  await rm(join(folder, "gone"), { recursive: true });
  await bench.run("importSlice", { importId });
  await bench.run("endImport", { importId, status: "completed", error: null });
  const counts = { found: 2, imported: 1, duplicates: 0, failed: 1, sidecars: 0 };
  expect(await findImport(db, importId)).toMatchObject({ status: "completed", ...counts });
  expect(await listImportFaults(db, { importId, limit: 10 })).toEqual([
    { file: ".", code: "left_out", message: expect.stringContaining("3 files") },
  ]);
});

test("an import of several slices settles each file once, in natural order", async () => {
  for (let at = 1; at <= 450; at += 1) await put(`no picture ${at}.raw`, "x");
  const done = await importFolder();
  expect(done).toMatchObject({ found: 450, failed: 450 });
  expect(done.faults.map(([file]) => file)).toEqual(
    Array.from({ length: 450 }, (_, at) => `no picture ${at + 1}.raw`),
  );
}, 60_000);

describe("sidecars", () => {
  const xmp = (inside: string, attributes = "") =>
    `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
      xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"
      xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"><rdf:Description rdf:about="" ${attributes}>${inside}
      </rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`;
  const text = (name: string, words: string) =>
    `<dc:${name}><rdf:Alt><rdf:li xml:lang="x-default">${words}</rdf:li></rdf:Alt></dc:${name}>`;
  const takeout = JSON.stringify({
    title: "of google.png",
    description: "At the pier",
    photoTakenTime: { timestamp: "1589738602", formatted: "May 17, 2020, 6:03:22 PM UTC" },
    geoData: { latitude: -33.5, longitude: 151.25, altitude: 12 },
    geoDataExif: { latitude: 0, longitude: 0, altitude: 0 },
  });

  test("are counted as sidecars and provide date, place, title and description", async () => {
    await put("of lightroom.png");
    await put(
      "of lightroom.xmp",
      xmp(
        text("title", "Pier &amp; boats") + text("description", "Low&#x20;tide"),
        'exif:DateTimeOriginal="2020-05-17T18:03:22.45+02:00" exif:GPSLatitude="48,51.5N" exif:GPSLongitude="2,21,0W"',
      ),
    );
    await put("of darktable.png");
    await put(
      "of darktable.png.xmp",
      xmp("<exif:DateTimeOriginal>2020:05:17 18:03:22</exif:DateTimeOriginal>"),
    );
    await put("of google.png");
    await put("of google.png.supplemental-metada.json", takeout);
    await put("broken.png");
    await utimes(join(folder, "broken.png"), 0, new Date("2019-03-04T05:06:07.890Z"));
    await put("broken.png.xmp", xmp(text("title", "<b>no</b>"), 'xmp:CreateDate="2020-02-30"'));
    await put("broken.json", '{"photoTakenTime":{"timestamp":"soon"},"geoData":{"latitude":400}}');
    await put("IMG_1.AAE", "<plist/>");

    const done = await importFolder();
    expect(done).toMatchObject({ found: 10, imported: 4, failed: 0, sidecars: 6 });
    const names = ["broken.png", "of darktable.png", "of google.png", "of lightroom.png"];
    const place = { latitude: 48 + 51.5 / 60, longitude: -2.35 };
    expect(await photosNamed(...names)).toMatchObject([
      // Only the file's modification time says when it was taken.
      {
        takenAt: "2019-03-04 05:06:07.89",
        takenAtOffsetMinutes: null,
        takenAtSource: "file",
        title: null,
        sidecar: null,
      },
      {
        takenAt: "2020-05-17 18:03:22",
        takenAtOffsetMinutes: null,
        takenAtSource: "sidecar",
        title: null,
        sidecar: null,
      },
      {
        takenAt: "2020-05-17 18:03:22",
        takenAtOffsetMinutes: 0,
        title: null,
        sidecar: {
          place: { latitude: -33.5, longitude: 151.25, altitudeM: 12 },
          description: "At the pier",
        },
      },
      {
        takenAt: "2020-05-17 18:03:22.45",
        takenAtOffsetMinutes: 120,
        title: "Pier & boats",
        sidecar: { place, description: "Low tide" },
      },
    ]);
  });
});
