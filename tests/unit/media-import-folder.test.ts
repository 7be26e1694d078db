import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, realpath, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { withImportFile } from "#media/folders/import-file";
import {
  findRootOf,
  resolveImportFolder,
  type WalkedFile,
  walkImportFolder,
} from "#media/folders/import-folder";
import { byName, opener } from "#media/folders/open-below";
import { pathToText, readableName, textToPath } from "#media/folders/path-text";

let root: string;
let folder: string;
let outside: string;

beforeEach(async () => {
  root = await realpath(await mkdtemp(join(tmpdir(), "gallery-walk-")));
  [folder, outside] = [join(root, "folder"), join(root, "outside")];
  await mkdir(folder);
  await mkdir(outside);
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** `name` may contain bytes that are not UTF-8, written as latin1. */
async function put(name: string, content = "mine", charset: BufferEncoding = "utf8") {
  const path = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(name, charset)]);
  const parent = path.subarray(0, path.lastIndexOf("/"));
  await mkdir(parent, { recursive: true });
  await writeFile(path, content);
}

async function walked(after: string | null = null): Promise<WalkedFile[]> {
  return Array.fromAsync(walkImportFolder(folder, after));
}

const contentOf = (file: string) =>
  withImportFile(folder, file, async ({ chunks }) =>
    Buffer.concat(await Array.fromAsync(chunks)).toString(),
  ).catch((error: Error) => error.message);

test("files are in natural order, and a walk can resume after any of them", async () => {
  const files = ["a", "B2.png", "IMG_1.png", "IMG_2.png", "IMG_02/x.png", "IMG_10.png", "10", "9"];
  for (const file of files) await put(file);
  const all = (await walked()).map(({ file }) => file);
  expect(all).toEqual([
    "9",
    "10",
    "B2.png",
    "IMG_1.png",
    "IMG_02/x.png",
    "IMG_2.png",
    "IMG_10.png",
    "a",
  ]);
  for (const [at, file] of all.entries()) {
    expect((await walked(file)).map((next) => next.file)).toEqual(all.slice(at + 1));
  }
});

describe("names that are not UTF-8", () => {
  test("are walked, displayed readably and uniquely, and can be resumed after", async () => {
    const names = ["No\xebl/one.png", "No\xebl/caf\xe9.png", "caf\xe9.png", "\xff\xfe.png"];
    for (const name of names) await put(name, "mine", "latin1");
    await put("café.png");
    const all = await walked();
    expect(all.map(({ shown }) => shown).toSorted()).toEqual(
      ["Noël/café.png", "Noël/one.png", "café.png", "café.png (2)", "ÿþ.png"].toSorted(),
    );
    expect(all.map(({ refusal }) => refusal)).toEqual([null, null, null, null, null]);
    for (const [at, { file }] of all.entries()) {
      expect(await contentOf(file)).toBe("mine");
      expect((await walked(file)).map((next) => next.file)).toEqual(
        all.slice(at + 1).map((next) => next.file),
      );
    }
  });

  test("convert to unique well-formed text and back", () => {
    const names = ["a", "\u{1F600}", "\xe9", "\xc3", "\xc3\xa9\xe9", "\xed\xa0\x80", "\xf5\x80"];
    const bytes = [
      ...names.map((name) => Buffer.from(name, "latin1")),
      ...["灯台", "a\u{1F600}", "\uef80", "\uefe9", "\ufffd"].map((name) => Buffer.from(name)),
    ];
    const texts = bytes.map(pathToText);
    expect(new Set(texts).size).toBe(bytes.length);
    expect(texts.map(textToPath)).toEqual(bytes);
    expect(texts.every((text) => text.isWellFormed() && readableName(text).isWellFormed())).toBe(
      true,
    );
    for (let first = 0; first < 256; first += 1) {
      for (let second = 0; second < 256; second += 1) {
        const name = Buffer.from([first, second, 0x41]);
        expect(textToPath(pathToText(name)).equals(name)).toBe(true);
      }
    }
  });
});

test("files of other programs are left out and listed once", async () => {
  const others = [
    "2020/@eaDir/IMG_1.png/SYNOPHOTO_THUMB_XL.jpg",
    "#recycle/a.png",
    "@Recycle/a.png",
    ".@__thumb/a.png",
    "$RECYCLE.BIN/S-1/a.png",
    "lost+found/a.png",
    "__MACOSX/2020/a.png",
    ".thumbnails/a.png",
    ".Trash-1000/files/a.png",
    ".picasaoriginals/a.png",
    ".dtrash/files/a.png",
    ".stversions/a.png",
    ".photoprism/a.png",
    "appdata_oc1/preview/a.png",
    "files_trashbin/files/a.png",
    "Catalog Previews.lrdata/1/a.png",
    "A.photoslibrary/resources/derivatives/a.png",
    "Camera/.trashed-1732900000-PXL_2.png",
    "Camera/.pending-1732900000-PXL_3.png",
    "2020/Thumbs.db",
    "2020/.DS_Store",
  ];
  for (const file of others) await put(file);
  await put("A.photoslibrary/originals/0/mine.png");
  await put("2020/IMG_1.png");
  const all = await walked();
  const taken = all.filter(({ refusal, isSidecar }) => refusal === null && !isSidecar);
  expect(taken.map(({ file }) => file)).toEqual([
    "2020/IMG_1.png",
    "A.photoslibrary/originals/0/mine.png",
  ]);
  const named = all.filter(({ refusal }) => refusal !== null);
  expect(named).toHaveLength(others.length);
  expect(new Set(named.map(({ file }) => file)).size).toBe(others.length);
});

test("sidecars are recognised and matched with their picture", async () => {
  const long = "a".repeat(60);
  const belongs: Record<string, string[]> = {
    "IMG_1.jpg": ["IMG_1.jpg.xmp", "IMG_1.xmp", "IMG_1.jpg.json"],
    "IMG_2.JPG": ["img_2.xmp", "IMG_2.JPG.supplemental-metadata.json"],
    "IMG_3.jpg": ["IMG_3.jpg.suppl.json"],
    "IMG_4.jpg": ["IMG_4.jpg.json"],
    "IMG_4(1).jpg": ["IMG_4.jpg(1).json"],
    "IMG_5(2).jpg": ["IMG_5.jpg.supplemental-metadata(2).json"],
    "IMG_6-edited.jpg": ["IMG_6.jpg.json"],
    [`${long}.jpg`]: [`${long.slice(0, 46)}.json`],
    "alone.jpg": [],
  };
  const others = ["IMG_7.aae", "MVI_8.THM", "._IMG_1.jpg", "alone.txt", "metadata.json"];
  for (const file of [...Object.entries(belongs).flat(2), ...others]) await put(file);
  await put("notes.txt");
  const all = await walked();
  const taken = all.filter(({ isSidecar }) => !isSidecar);
  expect(Object.fromEntries(taken.map(({ file, sidecars }) => [file, [...sidecars]]))).toEqual({
    ...belongs,
    "notes.txt": [],
  });
  expect(all).toHaveLength(new Set(Object.entries(belongs).flat(2)).size + others.length + 1);
});

describe("nothing outside the folder is read", () => {
  const secret = "secret";

  test("when a folder was swapped for a link after its files were listed", async () => {
    for (const name of ["a.png", "b.png"]) await put(`sub/${name}`);
    await writeFile(join(outside, "b.png"), secret);
    const contents: string[] = [];
    for await (const { file } of walkImportFolder(folder, null)) {
      contents.push(await contentOf(file));
      if (contents.length > 1) continue;
      await rename(join(folder, "sub"), join(root, "moved"));
      await symlink(outside, join(folder, "sub"));
    }
    expect(contents).toEqual(["mine", "It is no longer a file in this folder."]);
  });

  test("when a folder is repeatedly swapped for a link while it is read", async () => {
    for (let at = 0; at < 20; at += 1) {
      await put(`sub/${at}.png`);
      await writeFile(join(outside, `${at}.png`), secret);
      await writeFile(join(outside, `private ${at}`), secret);
    }
    await symlink(outside, join(folder, "link"));
    const swapper = Bun.spawn([process.execPath, "-e", swapping, folder], { stdout: "pipe" });
    try {
      // Its first line means that the swapping has begun.
      await swapper.stdout.getReader().read();
      const seen = new Set<string>();
      for (let round = 0; round < 60; round += 1) {
        for await (const { file } of walkImportFolder(folder, null)) {
          seen.add(file.replace(/\d+/, ""));
          seen.add(await contentOf(file));
        }
        for (let at = 0; at < 20; at += 1) seen.add(await contentOf(`sub/${at}.png`));
      }
      expect(seen).toContain("mine");
      expect([...seen].filter((one) => one.includes("secret") || one.includes("private"))).toEqual(
        [],
      );
    } finally {
      swapper.kill();
      await swapper.exited;
    }
  }, 60_000);

  test.each(["link", "folder of a link", "pipe", "socket", "device"])(
    "when it is a %s",
    async (what) => {
      await writeFile(join(outside, "a.png"), secret);
      const path = join(folder, "x", "a.png");
      if (what === "folder of a link") await symlink(outside, dirname(path));
      else await mkdir(dirname(path));
      if (what === "link") await symlink(join(outside, "a.png"), path);
      if (what === "pipe") await Bun.$`mkfifo ${path}`;
      if (what === "device") await symlink("/dev/zero", path);
      const socket =
        what === "socket" ? Bun.listen({ unix: path, socket: { data() {} } }) : undefined;
      try {
        for (const open of [opener.open, byName.open]) {
          const opened = await open(folder, path).catch(() => undefined);
          expect(opened).toBeUndefined();
        }
        expect(await contentOf("x/a.png")).not.toContain(secret);
      } finally {
        socket?.stop();
      }
    },
  );

  test("on a system that cannot resolve a descriptor", async () => {
    await put("sub/a.png");
    await writeFile(join(outside, "a.png"), secret);
    const file = await byName.open(folder, join(folder, "sub/a.png"));
    expect(await file?.readFile("utf8")).toBe("mine");
    await file?.close();
    expect(await byName.list(folder, join(folder, "sub"))).toEqual(["a.png"]);
    await rename(join(folder, "sub"), join(root, "moved"));
    await symlink(outside, join(folder, "sub"));
    await mkdir(join(outside, "deep"));
    expect(await byName.open(folder, join(folder, "sub/a.png"))).toBeUndefined();
    expect(await byName.list(folder, join(folder, "sub/deep"))).toBeUndefined();
  });
});

test("a folder with a root's name as prefix, or reached by a link, is outside", async () => {
  await mkdir(`${folder}-too`);
  await symlink(outside, join(folder, "way-out"));
  for (const path of [`${folder}-too`, join(folder, "way-out"), join(folder, ".."), "relative"]) {
    expect(await resolveImportFolder([folder], path)).toEqual({ state: "outside" });
  }
  expect(await resolveImportFolder([folder], folder)).toEqual({
    state: "allowed",
    path: folder,
    root: folder,
  });
});

test("a path of another machine is below a root only without parts that could lead out of it", () => {
  const roots = ["/srv/pictures", "/mnt"];
  expect(findRootOf(roots, "/srv/pictures")).toBe("/srv/pictures");
  expect(findRootOf(roots, "/mnt/2026/summer")).toBe("/mnt");
  for (const path of ["/srv/pictures-too", "/srv", "/mnt/../etc", "/mnt/./a", "mnt/a", "/mnt//a"]) {
    expect([path, findRootOf(roots, path)]).toEqual([path, undefined]);
  }
});

/** Swaps the folder for the link and back, without a pause. */
const swapping = `
  const { renameSync } = require("node:fs");
  process.chdir(process.argv.at(-1));
  console.log("begun");
  for (;;) {
    renameSync("sub", "real");
    renameSync("link", "sub");
    renameSync("sub", "link");
    renameSync("real", "sub");
  }`;
