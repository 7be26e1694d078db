import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { sha256Of } from "#sha256";
import { createTestApi } from "#tests/support/api";
import { makeLink } from "#tests/support/links";
import { insertAlbum } from "#tests/support/rows";
import { formOf, upload } from "#tests/support/uploads";
import { readZip } from "#tests/support/zip";
import { markedJpeg } from "#tests/fixtures/marked-pictures";
import { painted } from "#tests/fixtures/pictures";

const api = await createTestApi();
afterAll(() => api.close());

const pictures = [await markedJpeg("MARKER"), await painted(80, 60).webp().toBuffer()];
const photoIds: string[] = [];
for (const [at, bytes] of pictures.entries()) {
  const { body } = await upload(api, formOf([{ bytes, name: `MARKER ${at}.jpg` }]));
  photoIds.push(body.id);
}
const albumId = await insertAlbum(api.deps.database.db, photoIds, "Sea");

const prefixes = ["/api/v1/share", "/s"];

async function unzip(response: Response) {
  expect(response.status).toBe(200);
  const bytes = await response.bytes();
  const path = join(api.dataDir, `${crypto.randomUUID()}.zip`);
  await Bun.write(path, bytes);
  return { bytes: Buffer.from(bytes), entries: await readZip(path) };
}

const hashOf = async (answer: Response) => sha256Of(await answer.bytes());

for (const prefix of prefixes) {
  test(`${prefix}: the zip contains the shared copy of each photo, without its name, time or metadata`, async () => {
    const { key } = await makeLink(api, { album_id: albumId, allow_download: true });
    const answer = await api.request(`${prefix}/${key}/download`);
    expect(answer.headers.get("content-disposition")).toBe('attachment; filename="Sea.zip"');
    const { bytes, entries } = await unzip(answer);
    expect(bytes.includes("MARKER")).toBe(false);
    expect(entries.map(({ name, modified }) => [name, modified])).toEqual([
      ["photo.jpg", "1980-01-01T00:00:00.000Z"],
      ["photo.webp", "1980-01-01T00:00:00.000Z"],
    ]);
    const alone = photoIds.map((id) => api.request(`${prefix}/${key}/photos/${id}/original`));
    expect(await Promise.all(alone.map(async (one) => hashOf(await one)))).toEqual(
      entries.map((entry) => entry.sha256!),
    );
  });

  test(`${prefix}: there is no zip without allow_download, or if the link is revoked or locked`, async () => {
    const asked = async (link: { key: string }) =>
      (await api.request(`${prefix}/${link.key}/download`)).status;
    expect(await asked(await makeLink(api, { album_id: albumId }))).toBe(404);
    const open = await makeLink(api, { photo_id: photoIds[0], allow_download: true });
    expect(await asked(open)).toBe(200);
    await api.request(`/api/v1/share/links/${open.id}`, { method: "DELETE" });
    expect(await asked(open)).toBe(404);
    const guarded = { album_id: albumId, allow_download: true, password: "a long password" };
    expect(await asked(await makeLink(api, guarded))).toBe(401);
    const counted = { album_id: albumId, allow_download: true, max_views: 1 };
    expect(await asked(await makeLink(api, counted))).toBe(404);
    expect(await asked({ key: "x".repeat(43) })).toBe(404);
  });
}

test("with show_metadata the zip contains the stored files under their names", async () => {
  const link = { album_id: albumId, allow_download: true, show_metadata: true };
  const { key } = await makeLink(api, link);
  const { entries } = await unzip(await api.request(`/s/${key}/download`));
  expect(entries.map(({ name }) => name)).toEqual(["MARKER 0.jpg", "MARKER 1.jpg.webp"]);
});

test("revoking a link aborts the download of its zip", async () => {
  const { id, key } = await makeLink(api, { album_id: albumId, allow_download: true });
  const answer = await api.request(`/s/${key}/download`);
  await api.request(`/api/v1/share/links/${id}`, { method: "DELETE" });
  const fault = await answer.bytes().catch((error: unknown) => error);
  expect(fault).toBeInstanceOf(Error);
});

test("a HEAD request makes no zip", async () => {
  const { key } = await makeLink(api, { album_id: albumId, allow_download: true });
  const head = await api.request(`/s/${key}/download`, { method: "HEAD" });
  expect([head.status, head.headers.get("content-type")]).toEqual([200, "application/zip"]);
});
