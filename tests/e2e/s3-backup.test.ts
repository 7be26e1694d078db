import { rm } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Photo } from "#db/schema/photos";
import { originalKey } from "#media/storage/keys";
import { sha256Of } from "#sha256";
import {
  backupsIn,
  createLibraryBench,
  type LibraryBench,
  manifestOf,
} from "#tests/support/backups";
import { createEmptyDatabase } from "#tests/support/database";
import { settingsOf, startObjectStore } from "#tests/support/object-store";

let bucket: Awaited<ReturnType<typeof startObjectStore>>;
let bench: LibraryBench;
let folder: string;
let photos: Photo[];

beforeAll(async () => {
  bucket = await startObjectStore();
  bench = await createLibraryBench(settingsOf(bucket.access));
  folder = bench.path("backups");
  photos = await Promise.all(Array.from({ length: 5 }, () => bench.storePhoto()));
}, 60_000);
afterAll(async () => {
  await bench.close();
  await bucket.stop();
});

const keyOf = ({ id, kind, mimeType }: Photo) => originalKey({ id, kind, mimeType: mimeType! });
const backUp = () => bench.run({ verb: "backup", folder, keep: null });
const verify = (repairs: boolean) => bench.run({ verb: "verify", folder, repairs });

test("a gallery in a bucket is backed up, and restored onto a disk with the same bytes", async () => {
  expect(await backUp()).toMatchObject({ code: 0 });
  expect(await backupsIn(folder)).toHaveLength(1);
  expect((await manifestOf(folder)).originals.count).toBe(5);
  const empty = await createEmptyDatabase();
  try {
    const target = { url: empty.url, dataDir: bench.path("on-a-disk"), env: { STORAGE: "disk" } };
    const restore = { verb: "restore", folder, backup: null, acceptsLosses: false } as const;
    expect(await bench.run(restore, target)).toMatchObject({ code: 0 });
    for (const photo of photos) {
      const file = Bun.file(bench.originalOf(photo, target.dataDir));
      const hash = sha256Of(await file.bytes());
      expect(hash).toBe(photo.contentHash!);
    }
  } finally {
    await empty.drop();
  }
}, 120_000);

test("an object that is damaged, and one that is gone, are found and put back from the backup, whatever copies are here", async () => {
  expect(await backUp()).toMatchObject({ code: 0 });
  expect(await verify(false)).toMatchObject({ code: 0 });
  await bucket.damage(keyOf(photos[0]!), crypto.getRandomValues(new Uint8Array(2_000)));
  await bench.storage.remove(keyOf(photos[1]!));
  const found = await verify(false);
  expect(found.code).not.toBe(0);
  for (const photo of photos.slice(0, 2)) expect(found.output).toContain(photo.id);
  expect(await verify(true)).toMatchObject({ code: 0 });
  await rm(`${bench.dataDir}/cache`, { recursive: true, force: true });
  expect(await verify(false)).toMatchObject({ code: 0 });
}, 120_000);
