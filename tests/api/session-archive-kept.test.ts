import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { photos } from "#db/schema/photos";
import { sessions } from "#db/schema/sessions";
import { createTestApi, type TestApi } from "#tests/support/api";
import { exportOf, importInto, makeGenerated, makeSession } from "#tests/support/made-session";
import { rawZip } from "#tests/support/raw-zip";
import { insertPhoto } from "#tests/support/rows";
import { mountSmallDisk } from "#tests/support/small-disk";
import { uploadedPhoto } from "#tests/support/uploads";
import { unzip } from "#tests/support/zip";

type Json = Record<string, any>;

let here: TestApi;
let made: Awaited<ReturnType<typeof makeSession>>;
let files: Map<string, Buffer>;
let there: TestApi;

beforeAll(async () => {
  here = await createTestApi();
  made = await makeSession(here);
  files = await unzip(await exportOf(here, made.id));
}, 60_000);
afterAll(() => here.close());
beforeEach(async () => {
  there = await createTestApi();
}, 60_000);
afterEach(() => there.close());

/** The archive with a changed document. */
function changed(change: (document: Json) => unknown): Buffer {
  const document = JSON.parse(files.get("session.json")!.toString()) as Json;
  change(document);
  const bytes = Buffer.from(JSON.stringify(document));
  return rawZip([...new Map([...files, ["session.json", bytes]])].map(toEntry));
}

const toEntry = ([name, bytes]: [string, Buffer]) => ({ name, bytes });

async function rowOf(id: string) {
  const [row] = await there.deps.database.db.select().from(photos).where(eq(photos.id, id));
  return row;
}

const importUnchanged = async () =>
  (
    await importInto(
      there,
      changed(() => {}),
    )
  ).status;

const isHere = async () =>
  (await there.deps.database.db.select().from(sessions).where(eq(sessions.id, made.id))).length > 0;

/** Replaces an id throughout the document. */
function renamed(document: Json, from: string, to: string): void {
  const text = JSON.stringify(document).replaceAll(from, to);
  Object.assign(document, JSON.parse(text) as Json);
}

describe("an existing photo is not changed by an archive that names its id", () => {
  test("as an image without a picture", async () => {
    const id = await makeGenerated(there, { generation: { prompt: "mine", seed: 1 } });
    const before = await rowOf(id);
    const archive = changed((document) => renamed(document, made.trashed, id));
    const { status, body } = await importInto(there, archive);
    expect({ status, body }).toMatchObject({ status: 409, body: { error: { details: { id } } } });
    expect(await rowOf(id)).toEqual(before);
    expect(await isHere()).toBe(false);
  });

  test("as the source of others, with a source of its own", async () => {
    const { id } = await uploadedPhoto(there, 1);
    const before = await rowOf(id);
    const archive = changed((document) => {
      const other = { id: crypto.randomUUID(), kind: "generated", absent: "deleted" };
      document.photos.push({
        ...other,
        filename: "",
        created_at: "2026-01-01T00:00:00.000Z",
        tags: [],
        is_favorite: false,
      });
      const upload = document.photos.find((photo: Json) => photo.id === made.upload);
      for (const name of ["file", "mime_type", "width", "height", "file_size", "content_hash"])
        delete upload[name];
      upload.absent = "deleted";
      renamed(document, made.upload, id);
      document.lineage.push({ from: other.id, to: id, kind: "img2img" });
    });
    expect((await importInto(there, archive)).status).toBe(201);
    expect(await rowOf(id)).toEqual(before);
    const source = await rowOf(made.source);
    expect(source?.sourceImageId).toBe(id);
  });
});

test("an existing session or step is not changed by an archive that names its id", async () => {
  expect(await importUnchanged()).toBe(201);
  const before = await exportOf(there, made.id).then(unzip);
  const ofSession = changed(({ session, steps }) => {
    session.title = "Another";
    steps[0].prompt = "another";
  });
  expect((await importInto(there, ofSession)).status).toBe(200);
  const ofSteps = changed((document) => renamed(document, made.id, crypto.randomUUID()));
  const { status, body } = await importInto(there, ofSteps);
  expect({ status, body }).toMatchObject({
    status: 409,
    body: { error: { details: { id: made.first.id } } },
  });
  const after = await exportOf(there, made.id).then(unzip);
  const documentOf = (archive: Map<string, Buffer>) => {
    const { exported_at: _at, ...rest } = JSON.parse(
      archive.get("session.json")!.toString(),
    ) as Json;
    return rest;
  };
  expect(documentOf(after)).toEqual(documentOf(before));
}, 60_000);

test("an archive for which the disk has no room is 507 and leaves nothing; sent again with room it is imported", async () => {
  const disk = await mountSmallDisk(16);
  const small = await createTestApi({ DATA_DIR: `${disk.path}/data` });
  const archive = rawZip([...files].map(toEntry));
  const before = await small.files();
  // Not for the archive; then for the archive, and some of its pictures.
  for (const leftBytes of [0, archive.length + 20_000]) {
    await disk.fill(leftBytes);
    const { status, body } = await importInto(small, archive);
    expect([status, body.error.code]).toEqual([507, "storage_error"]);
    expect(await small.files()).toEqual(before);
    expect(await small.deps.database.db.$count(photos)).toBe(0);
    await disk.empty();
  }
  expect((await importInto(small, archive)).status).toBe(201);
  const exported = await unzip(await exportOf(small, made.id));
  for (const [name, bytes] of files) {
    if (name !== "session.json") expect(exported.get(name)).toEqual(bytes);
  }
  await small.close();
  await disk.unmount();
}, 60_000);

test("an image in the trash, whose session was deleted, gets its session and slot back and stays in the trash", async () => {
  const { db } = here.deps.database;
  const [trashed] = await db.select().from(photos).where(eq(photos.id, made.trashed));
  const { sessionId: _session, stepId: _step, slotIndex: _slot, ...row } = trashed!;
  await insertPhoto(there.deps.database.db, { ...row, sourceImageId: null });
  expect(await importUnchanged()).toBe(201);
  expect(await rowOf(made.trashed)).toMatchObject({
    sessionId: made.id,
    stepId: made.first.id,
    slotIndex: 1,
    deletedAt: trashed!.deletedAt,
    contentHash: trashed!.contentHash,
  });
});

describe("an import creates no cycle in the lineage", () => {
  test("through the session's source, from which images without a source descend", async () => {
    const archive = changed((document) => {
      const [from] = document.steps[2].slots;
      from.status = "filled";
      from.photo_id = crypto.randomUUID();
      document.photos.push({
        id: from.photo_id,
        kind: "generated",
        absent: "deleted",
        filename: "",
        created_at: "2026-01-01T00:00:00.000Z",
        tags: [],
        is_favorite: false,
      });
      document.lineage = [{ from: from.photo_id, to: made.upload, kind: "img2img" }];
      document.session.source_image_id = made.upload;
    });
    const { status, body } = await importInto(there, archive);
    expect({ status, body }).toMatchObject({
      status: 400,
      body: { error: { details: { errors: [{ path: "lineage", message: "contains a cycle" }] } } },
    });
    expect(await isHere()).toBe(false);
  });

  test("through a session or a step that starts from its own image", async () => {
    const ofSession = changed(({ session }) => {
      session.source_image_id = made.chosen;
    });
    const ofStep = changed(({ steps: [first] }) => {
      first.source_image_id = made.favourite;
    });
    for (const archive of [ofSession, ofStep]) {
      expect((await importInto(there, archive)).status).toBe(400);
    }
    expect(await isHere()).toBe(false);
  });

  test("through existing photos together with the archive", async () => {
    // The session's source was made here from an image of the session that was kept when the session was deleted.
    expect(await importUnchanged()).toBe(201);
    const { db } = there.deps.database;
    await there.request(`/api/v1/generation/sessions/${made.id}`, { method: "DELETE" });
    await db
      .update(photos)
      .set({ sourceImageId: made.favourite })
      .where(eq(photos.id, made.upload));
    const before = await rowOf(made.favourite);
    const { status, body } = await importInto(
      there,
      changed(() => {}),
    );
    expect({ status, body }).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining("cycle") } },
    });
    expect(await rowOf(made.favourite)).toEqual(before);
    expect(await isHere()).toBe(false);
  }, 60_000);
});
