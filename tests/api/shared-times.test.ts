import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir, rename, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eq } from "drizzle-orm";
import { photos } from "#db/schema/photos";
import { startApiProcess } from "#tests/support/api-process";
import { callAs, shareRoutes } from "#tests/support/public-routes";
import { shareAlbum, uploadPictures } from "#tests/support/shared-album";

// Over a socket, because the server adds headers of its own to the routes' responses.
let api: Awaited<ReturnType<typeof startApiProcess>>;
beforeAll(async () => {
  api = await startApiProcess();
}, 60_000);
afterAll(() => api.stop());

async function filesOf(photoId: string): Promise<string[]> {
  const entries = await readdir(api.dataDir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.includes(photoId))
    .map((entry) => join(entry.parentPath, entry.name));
}

const setTimes = async (photoId: string, at: Date) => {
  for (const file of await filesOf(photoId)) await utimes(file, at, at);
};

/** A time in every format that an answer could contain. */
function formsOf(at: Date): string[] {
  const ms = at.getTime();
  const numbers = [ms, Math.floor(ms / 1_000)];
  const texts = numbers.flatMap((number) => [10, 16, 32, 36].map((base) => number.toString(base)));
  return [...texts, at.toISOString().slice(0, 16), at.toUTCString().slice(5, 16)];
}

/** The format of zip archives (APPNOTE 4.4.6). */
function dosDate(at: Date): number {
  return ((at.getFullYear() - 1980) << 9) | ((at.getMonth() + 1) << 5) | at.getDate();
}

test("without show_metadata no public answer reveals when a photo was added", async () => {
  const [id = ""] = await uploadPictures(api, 1);
  const at = new Date("2009-08-07T06:05:04.321Z");
  await setTimes(id, at);
  await api.database.db
    .update(photos)
    .set({ createdAt: at, takenAt: "2009-08-07T06:05:04.321" })
    .where(eq(photos.id, id));
  const { path } = await shareAlbum(api, [id], { allow_download: true });
  const key = path.split("/")[2]!;
  for (const route of shareRoutes.filter((each) => each.startsWith("GET"))) {
    const { path: address } = callAs(route, { key, photoId: id });
    const answer = await fetch(`${api.url}${address}`);
    expect([route, answer.status]).toEqual([route, 200]);
    const body = Buffer.from(await answer.arrayBuffer());
    const said = `${JSON.stringify([...answer.headers])}\n${body.toString("latin1")}`.toLowerCase();
    const told = formsOf(at).filter((form) => said.includes(form.toLowerCase()));
    expect([route, told]).toEqual([route, []]);
    expect(answer.headers.get("last-modified")).toBeNull();
    if (!route.endsWith("/download")) continue;
    expect([dosDate(at), body.readUInt16LE(12)]).not.toEqual([dosDate(at), dosDate(at)]);
  }
}, 60_000);

test("the photo ids of share pages do not contain the time of upload", async () => {
  const before = Date.now();
  const [id = ""] = await uploadPictures(api, 1);
  // Where versions 6 and 7 of RFC 9562 hold a time.
  const leading = Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);
  expect(Math.abs(leading - before)).toBeGreaterThan(24 * 60 * 60 * 1_000);
  expect(id[14]).toBe("4");
});

test.each([
  ["thumbnail", ".webp"],
  ["preview", ".preview.webp"],
])(
  "the ETag of a shared %s changes with its bytes, and with nothing else",
  async (size, ending) => {
    const [id = ""] = await uploadPictures(api, 1);
    const { path } = await shareAlbum(api, [id]);
    const address = `${api.url}${path}photos/${id}/${size}`;
    const etagNow = async () => (await fetch(address)).headers.get("etag")!;
    const first = await etagNow();
    expect(first).toMatch(/^"[\w-]{43}"$/);
    await setTimes(id, new Date("2009-08-07T06:05:04.321Z"));
    expect(await etagNow()).toBe(first);
    const known = await fetch(address, { headers: { "if-none-match": first } });
    expect(known.status).toBe(304);

    const file = (await filesOf(id)).find((name) => name.endsWith(`${id}${ending}`))!;
    const { mtime } = await stat(file);
    const bytes = Buffer.from(await Bun.file(file).bytes());
    bytes[bytes.length - 1]! ^= 1;
    await writeFile(`${file}.new`, bytes);
    await utimes(`${file}.new`, mtime, mtime);
    await rename(`${file}.new`, file);
    expect(await etagNow()).not.toBe(first);
    const changed = await fetch(address, { headers: { "if-none-match": first } });
    expect(changed.status).toBe(200);
  },
  60_000,
);
