import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { photos } from "#db/schema/photos";
import { sessions } from "#db/schema/sessions";
import { sha256Of } from "#sha256";
import { createTestApi, type TestApi } from "#tests/support/api";
import { exportOf, importInto, makeSession } from "#tests/support/made-session";
import { type RawEntry, rawZip } from "#tests/support/raw-zip";
import { rawForm } from "#tests/support/uploads";
import { unzip } from "#tests/support/zip";

type Json = Record<string, any>;

const MiB = 1024 * 1024;

let there: TestApi;
let archive: Buffer;
let files: Map<string, Buffer>;

beforeAll(async () => {
  const here = await createTestApi();
  archive = await exportOf(here, (await makeSession(here)).id);
  files = await unzip(archive);
  await here.close();
  there = await createTestApi({ MAX_SESSION_ARCHIVE_SIZE: String(8 * MiB) });
}, 60_000);
afterAll(() => there.close());

const text = (words: string) => Buffer.from(words);

/** The archive with a changed document, and with other files if given. */
function changed(change: (document: Json) => unknown, others: Record<string, Buffer> = {}): Buffer {
  const document = JSON.parse(files.get("session.json")!.toString()) as Json;
  const entries = new Map([...files, ...Object.entries(others)]);
  entries.set("session.json", text(JSON.stringify(change(document) ?? document)));
  return rawZip([...entries].map(([name, bytes]) => ({ name, bytes })));
}

const plain = (): RawEntry[] => [...files].map(([name, bytes]) => ({ name, bytes }));
const withEntry = (entry: RawEntry) => rawZip([...plain(), entry]);

/** The first image has other bytes, which the document describes correctly. */
function withPicture(bytes: Buffer, more: Json = {}): Buffer {
  const name = "images/001-1.png";
  return changed(
    ({ photos: list }) => {
      const photo = list.find((one: Json) => one.file === name);
      photo.file_size = bytes.length;
      photo.content_hash = sha256Of(bytes);
      Object.assign(photo, more);
    },
    { [name]: bytes },
  );
}

/** The first image as a changed zip entry. */
function withImageEntry(entry: Partial<RawEntry>): Buffer {
  const name = "images/001-1.png";
  return rawZip(
    [...files].map(([other, bytes]) => ({
      name: other,
      bytes,
      ...(other === name && entry),
    })),
  );
}

const nested = (depth: number) => text("[".repeat(depth) + "]".repeat(depth));
const firstImage = (document: Json) => document.photos.find((one: Json) => one.step !== "");

const hostile: Record<string, [status: number, make: () => Buffer]> = {
  "a text": [400, () => text("not a zip")],
  "nothing at all": [400, () => text("")],
  "a picture": [400, () => files.get("images/001-1.png")!],
  "half an archive": [400, () => archive.subarray(0, archive.length / 2)],
  "an archive without its beginning": [400, () => archive.subarray(5_000)],
  "more than MAX_SESSION_ARCHIVE_SIZE": [413, () => Buffer.alloc(8 * MiB + 1)],
  "no session.json": [
    400,
    () => rawZip([{ name: "a.png", bytes: files.get("images/001-1.png")! }]),
  ],
  "no JSON": [400, () => rawZip([{ name: "session.json", bytes: text("{") }])],
  "JSON that is not UTF-8": [
    400,
    () => rawZip([{ name: "session.json", bytes: Buffer.from([0x22, 0xff, 0x22]) }]),
  ],
  "JSON 40 deep": [400, () => rawZip([{ name: "session.json", bytes: nested(40) }])],
  "JSON a million deep": [400, () => rawZip([{ name: "session.json", bytes: nested(1_000_000) }])],
  "a JSON bomb": [
    400,
    () => rawZip([{ name: "session.json", bytes: Buffer.alloc(70 * MiB, " "), deflated: true }]),
  ],
  "JSON with a false length": [
    400,
    () =>
      rawZip([
        { name: "session.json", bytes: files.get("session.json")!, deflated: true, saidBytes: 9 },
      ]),
  ],
  "another version": [400, () => changed((document) => ({ ...document, version: 2 }))],
  "another format": [400, () => changed((document) => ({ ...document, format: "x" }))],
  "a list": [400, () => changed(() => [])],
  "an unknown field": [400, () => changed((document) => ({ ...document, extra: 1 }))],
  "a number as a text": [
    400,
    () => changed(({ photos: [photo] }) => void (photo.width = String(photo.width))),
  ],
  "a field named __proto__": [
    400,
    () => rawZip([{ name: "session.json", bytes: text('{"__proto__":{"format":"x"}}') }]),
  ],
  "a file above the archive": [400, () => withEntry({ name: "../../x.png", bytes: text("x") })],
  "a file at the root": [400, () => withEntry({ name: "/etc/x.png", bytes: text("x") })],
  "a file on a drive": [400, () => withEntry({ name: "C:\\x.png", bytes: text("x") })],
  "a name twice": [400, () => withEntry({ name: "images/001-1.png", bytes: text("x") })],
  "a name too long": [400, () => withEntry({ name: "x".repeat(600), bytes: text("x") })],
  "too many files": [
    400,
    () => rawZip(Array.from({ length: 21_001 }, (_, at) => ({ name: `${at}`, bytes: text("") }))),
  ],
  "a zip64 record with an impossible number of entries": [
    400,
    () => rawZip(plain(), { saidEntries: 2n ** 60n }),
  ],
  "a zip64 record with a directory beyond the end": [
    400,
    () => rawZip(plain(), { saidDirectoryAt: 2n ** 60n }),
  ],
  "a zip64 record with an entry beyond the end": [
    400,
    () => rawZip(plain(), { saidEntryAt: 2n ** 40n }),
  ],
  "an encrypted file": [400, () => withImageEntry({ flags: 0x0801 })],
  "a file with an unknown compression method": [400, () => withImageEntry({ method: 99 })],
  "a file that is not in the archive": [
    400,
    () => changed(({ photos: list }) => void (list[0].file = "images/none.png")),
  ],
  "session.json as a picture": [
    400,
    () => changed(({ photos: list }) => void (list[0].file = "session.json")),
  ],
  "one file for two pictures": [
    400,
    () => changed(({ photos: list }) => void (list[1].file = list[0].file)),
  ],
  "a picture of another hash": [
    400,
    () => changed(({ photos: list }) => void (list[1].content_hash = "0".repeat(64))),
  ],
  "a picture longer than it says": [
    400,
    () => withImageEntry({ bytes: Buffer.alloc(30 * MiB), deflated: true }),
  ],
  "a picture longer than its own header says": [
    400,
    () => withImageEntry({ bytes: Buffer.alloc(10 * MiB), deflated: true, saidBytes: 500 }),
  ],
  "a picture shorter than it says": [400, () => withImageEntry({ bytes: text("short") })],
  "pictures that are too large together": [
    400,
    () => changed(({ photos: list }) => void (list[0].file_size = 200 * MiB)),
  ],
  "a text as a picture": [415, () => withPicture(text("no picture at all"))],
  "a page as a picture": [415, () => withPicture(text("<svg onload='x'/>"))],
  "a picture cut short": [422, () => withPicture(files.get("images/001-1.png")!.subarray(0, 900))],
  "a picture of another type": [
    400,
    () => withPicture(files.get("images/001-1.png")!, { mime_type: "image/webp" }),
  ],
  "a picture with a type that is not an image type": [
    400,
    () => withPicture(files.get("images/001-1.png")!, { mime_type: "text/html" }),
  ],
  "a picture with an impossible size": [
    400,
    () => changed(({ photos: list }) => void (list[0].file_size = 2 ** 40)),
  ],
  "an id twice": [400, () => changed(({ photos: list }) => void (list[1].id = list[0].id))],
  "an id in capitals": [
    400,
    () => changed(({ session }) => void (session.id = session.id.toUpperCase())),
  ],
  "a path for an id": [400, () => changed(({ session }) => void (session.id = "../../x"))],
  "a photo in two slots": [
    400,
    () =>
      changed(({ steps: list }) => void (list[0].slots[1].photo_id = list[0].slots[0].photo_id)),
  ],
  "a selected image of another step": [
    400,
    () =>
      changed(({ steps: list }) => void (list[1].selected_image_id = list[0].slots[0].photo_id)),
  ],
  "a step that is its own parent": [
    400,
    () => changed(({ steps: list }) => void (list[0].parent_id = list[0].id)),
  ],
  "two steps with one position": [
    400,
    () => changed(({ steps: list }) => void (list[1].position = 1)),
  ],
  "a running step": [400, () => changed(({ steps: list }) => void (list[0].status = "pending"))],
  "more slots than requested images": [
    400,
    () => changed(({ steps: list }) => void (list[0].parameters.batch_size = 1)),
  ],
  "an unknown source": [
    400,
    () => changed(({ session }) => void (session.source_image_id = crypto.randomUUID())),
  ],
  "a lineage with a cycle": [
    400,
    () =>
      changed(({ lineage }) => {
        const [{ from, to }] = lineage;
        lineage.push({ from: to, to: from, kind: "img2img" });
      }),
  ],
  "the 30th of February": [
    400,
    () => changed(({ session }) => void (session.started_at = "2026-02-30T00:00:00.000Z")),
  ],
  "a NUL": [400, () => changed(({ steps: list }) => void (list[0].prompt = "a\0b"))],
  "a lone surrogate": [400, () => changed(({ steps: list }) => void (list[0].prompt = "\ud800"))],
  "a prompt too long": [
    400,
    () => changed(({ steps: list }) => void (list[0].prompt = "x".repeat(10_001))),
  ],
  "too many tags": [
    400,
    () =>
      changed((document) => {
        firstImage(document).tags = Array.from({ length: 60 }, (_, at) => `tag ${at}`);
      }),
  ],
  "a number too large for its column": [
    400,
    () => changed(({ steps: list }) => void (list[0].position = 2 ** 40)),
  ],
};

async function remains() {
  const { db } = there.deps.database;
  return {
    files: await there.files(),
    photos: await db.$count(photos),
    sessions: await db.$count(sessions),
    calls: there.temporal.calls,
  };
}

const nothing = { files: [], photos: 0, sessions: 0, calls: [] };

describe("an archive is refused with a message and leaves nothing behind, when it is or contains", () => {
  test.each(Object.entries(hostile))("%s", async (_what, [status, make]) => {
    const answer = await importInto(there, make());
    expect(answer).toMatchObject({ status, body: { error: { message: expect.any(String) } } });
    expect(JSON.stringify(answer.body)).not.toContain(there.dataDir);
    expect(await remains()).toEqual(nothing);
  });
});

describe("a form is refused and leaves nothing behind, when it", () => {
  const send = async (parts: { headers: string[]; body: Buffer }[]) => {
    const { body, contentType } = rawForm(parts);
    const response = await there.request("/api/v1/generation/sessions/import", {
      method: "POST",
      body: new Blob([new Uint8Array(body)]),
      headers: { "content-type": contentType },
    });
    return response.status;
  };
  const part = (name: string) => ({
    headers: [`Content-Disposition: form-data; name="${name}"; filename="a.zip"`],
    body: archive,
  });

  test("has two archives, none, or another field", async () => {
    expect(await send([part("file"), part("file")])).toBe(400);
    expect(await send([part("other")])).toBe(400);
    expect(await send([part("file"), part("title")])).toBe(400);
    expect(await send([])).toBe(400);
    expect(await remains()).toEqual(nothing);
  });

  test("is not a form", async () => {
    const path = "/api/v1/generation/sessions/import";
    for (const type of ["application/json", "application/zip"]) {
      const headers = { "content-type": type };
      const response = await there.request(path, { method: "POST", body: "{}", headers });
      expect(response.status).toBe(415);
    }
    expect(await remains()).toEqual(nothing);
  });
});

describe("a repacked archive is accepted", () => {
  const forms: Record<string, () => Buffer> = {
    "with the entries that repacking adds": () =>
      rawZip([
        ...plain().map((entry) => ({ ...entry, deflated: true })),
        { name: "images/", bytes: text("") },
        { name: "__MACOSX/._session.json", bytes: text("x") },
      ]),
    "as a zip64, small as it is": () => rawZip(plain(), {}),
    "written to a pipe, with lengths behind the bytes": () =>
      rawZip(plain().map((entry) => ({ ...entry, deflated: true, streamed: true }))),
    "written to a pipe, stored, as a zip64": () =>
      rawZip(
        plain().map((entry) => ({ ...entry, streamed: true })),
        {},
      ),
  };
  test.each(Object.entries(forms))("%s", async (_how, make) => {
    const fresh = await createTestApi();
    try {
      expect((await importInto(fresh, make())).status).toBe(201);
    } finally {
      await fresh.close();
    }
  });
});
