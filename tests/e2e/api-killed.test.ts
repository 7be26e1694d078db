import { afterEach, beforeEach, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { countAllPhotos, findKnownPhotoIds } from "#db/queries/photos/photo-lookup";
import { createDiskStorage } from "#media/storage/disk";
import { parseKey } from "#media/storage/keys";
import { sweepLibrary } from "#library/sweep";
import { createGalleryClient } from "#tests/support/gallery";
import { listFiles, listUnfinished } from "#tests/support/library";
import { smallPng } from "#tests/support/png";
import { type Stack, startStack } from "#tests/support/stack";
import { formOf } from "#tests/support/uploads";
import { until } from "#tests/support/wait";

const twoHoursMs = 2 * 60 * 60 * 1_000;

let stack: Stack;
beforeEach(async () => {
  stack = await startStack();
}, 60_000);
afterEach(() => stack.stop(), 30_000);

/** Runs the worker's sweep with a clock two hours ahead, so that all files are old enough for it. */
function sweep() {
  const { database, dataDir } = stack;
  const now = new Date(Date.now() + twoHoursMs);
  return sweepLibrary(
    { database, storage: createDiskStorage({ dataDir }) },
    { now, onQuery: () => {} },
  );
}

async function storedFiles(): Promise<string[]> {
  const kinds = ["uploaded", "thumbnails"] as const;
  const found = await Promise.all(
    kinds.map(async (kind) =>
      (await listFiles(stack.dataDir, kind)).map((file) => `photos/${kind}/${file}`),
    ),
  );
  return found.flat();
}

const unfinishedFiles = async () =>
  (await listUnfinished(stack.dataDir)).filter((file) => file.startsWith(".incoming/"));

async function quarantinedFiles(): Promise<string[]> {
  const all = await readdir(join(stack.dataDir, "photos"), {
    recursive: true,
    withFileTypes: true,
  });
  return all
    .filter((entry) => entry.isFile() && entry.parentPath.includes("/.quarantine"))
    .map((entry) => entry.name);
}

/** Every row has its original and derivatives, every stored file has its row, and no file is unfinished. */
async function expectRowsAndFilesAgree(): Promise<void> {
  const rows = await stack.database.sql<{ id: string }[]>`select id from photos`;
  const parts = new Map<string, string[]>();
  for (const file of await storedFiles()) {
    const parsed = parseKey(file);
    if (parsed === undefined || parsed.part === "incoming")
      throw new Error(`a stray file: ${file}`);
    parts.set(parsed.id, [...(parts.get(parsed.id) ?? []), parsed.part].toSorted());
  }
  const wanted = rows.map(({ id }) => [id, ["original", "preview", "thumbnail"]]);
  expect(Object.fromEntries(parts)).toEqual(Object.fromEntries(wanted));
  expect(await unfinishedFiles()).toEqual([]);
}

/** After a restart the same upload creates a photo, once. */
async function expectUploadedOnce(png: Buffer, others: number): Promise<void> {
  const { url } = await stack.startApi();
  const form = formOf([{ bytes: png }]);
  const again = await fetch(`${url}/api/v1/photos`, { method: "POST", body: form });
  expect(again.status).toBe(201);
  const { items } = await createGalleryClient(url).get("/photos");
  expect(items).toHaveLength(others + 1);
  await expectRowsAndFilesAgree();
}

test("API killed in the middle of an upload: no row without bytes, and the sweep quarantines the unfinished file", async () => {
  const png = await smallPng();
  const api = await stack.startApi();
  const { port, hostname, host } = new URL(api.url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  const start = '--cut\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n';
  const head = [
    "POST /api/v1/photos HTTP/1.1",
    `Host: ${host}`,
    "Content-Type: multipart/form-data; boundary=cut",
    `Content-Length: ${start.length + png.length + 100_000}`,
    "",
    start,
  ].join("\r\n");
  socket.write(Buffer.concat([Buffer.from(head), png, Buffer.alloc(50_000)]));
  await until("a file that is being received", async () => (await unfinishedFiles()).length === 1);
  await api.kill();
  socket.destroy();
  expect(await unfinishedFiles()).toHaveLength(1);
  expect(await storedFiles()).toEqual([]);
  expect(await countAllPhotos(stack.database.db)).toBe(0);

  expect(await sweep()).toMatchObject({ unfinished: 1, orphans: 0, stopped: false });
  expect(await quarantinedFiles()).toHaveLength(1);
  await expectUploadedOnce(png, 0);
}, 90_000);

test("API killed in the middle of an upload, between its files and its row: the sweep quarantines the files; photos with a row stay", async () => {
  const api = await stack.startApi();
  const kept = await createGalleryClient(api.url).upload(await smallPng());
  const png = await smallPng({ r: 20, g: 90, b: 160 });
  const lock = await stack.database.sql.reserve();
  await lock`begin`;
  // Rows can be read but not written: the upload stores its files and waits.
  await lock`lock table photos in share mode`;
  const form = formOf([{ bytes: png }]);
  const answer = fetch(`${api.url}/api/v1/photos`, { method: "POST", body: form }).then(
    (response) => response.status,
    () => "cut" as const,
  );
  await until("an insert that waits", async () => {
    const [found] = await stack.database.sql`
      select count(*)::int as waiting from pg_locks
      where not granted and relation = 'photos'::regclass
        and database = (select oid from pg_database where datname = current_database())`;
    return found?.waiting > 0;
  });
  expect(await storedFiles()).toHaveLength(6);
  await api.kill();
  expect(await answer).toBe("cut");
  await lock`rollback`;
  lock.release();
  // The insert of the killed process ends with its connection; only then is it certain that there is no row.
  await until("the end of its connections", async () => {
    const [found] = await stack.database.sql`
      select count(*)::int as open from pg_stat_activity
      where datname = current_database() and application_name = 'gallery-api'`;
    return found?.open === 0;
  });

  const ids = await findKnownPhotoIds(
    stack.database.db,
    (await storedFiles()).flatMap((file) => {
      const parsed = parseKey(file);
      return parsed && parsed.part !== "incoming" ? [parsed.id] : [];
    }),
  );
  expect([...ids]).toEqual([kept["id"]]);
  expect(await sweep()).toMatchObject({ unfinished: 0, orphans: 1, stopped: false });
  expect(await quarantinedFiles()).toHaveLength(3);
  await expectRowsAndFilesAgree();
  await expectUploadedOnce(png, 1);
}, 90_000);
