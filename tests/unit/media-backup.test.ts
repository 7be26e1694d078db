import { mkdir, mkdtemp, open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Manifest } from "#media/backup/manifest";
import { prepareBackupStore } from "#media/backup/store";

let scratch: string;
let folder: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), "gallery-media-backup-"));
  folder = join(scratch, "backups");
});
afterEach(() => rm(scratch, { recursive: true }));

const openStore = () =>
  prepareBackupStore(folder, { installationId: crypto.randomUUID(), expectsBackups: false });
const refusalOf = (work: Promise<unknown>) =>
  work.then(
    () => "accepted",
    (error: Error) => error.message,
  );

test("a file of a backup that the disk did not keep is noticed before it is a backup", async () => {
  const store = await openStore();
  const draft = await store.begin("2026-11-30T03-10-00-000Z-0badc0de");
  await draft.write("albums.copy.gz", Buffer.from("rows"));
  await writeFile(draft.pathOf("albums.copy.gz"), "r0ws");
  expect(await refusalOf(draft.finish({} as Manifest))).toContain("did not keep");
  expect(await store.list()).toEqual([]);
});

test("a copy of an original that the disk did not keep is noticed and not stored", async () => {
  const store = await openStore();
  const bytes = new Uint8Array(16 * 1024 * 1024).fill(1);
  const sha256 = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  const original = join(scratch, "original");
  await writeFile(original, bytes);
  let isOver = false;
  const kept = refusalOf(store.originals.keep(original, { sha256, bytes: bytes.length })).finally(
    () => (isOver = true),
  );
  const damaged = await damageCopy(join(folder, "unfinished"), bytes.length, () => isOver);
  expect(await kept).toContain("did not keep");
  expect(damaged).toBeGreaterThan(0);
  expect(await Array.fromAsync(store.originals.list())).toEqual([]);
  expect(await readdir(join(folder, "unfinished"))).toEqual([]);
});

/** Changes the last byte of a complete copy, again and again until it is over: hashing takes longer. */
async function damageCopy(unfinished: string, bytes: number, isOver: () => boolean) {
  await mkdir(unfinished, { recursive: true });
  let times = 0;
  while (!isOver()) {
    for (const name of await readdir(unfinished)) {
      const path = join(unfinished, name);
      const found = await stat(path).catch(() => undefined);
      if (found?.size !== bytes) continue;
      const file = await open(path, "r+").catch(() => undefined);
      if (!file) continue;
      await file.write(Buffer.from([0]), 0, 1, bytes - 1);
      await file.close();
      times += 1;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return times;
}
