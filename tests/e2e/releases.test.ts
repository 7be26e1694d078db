import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Of } from "#sha256";
import { recordGallery } from "#tests/fixtures/releases/record";
import { createBackupCommands } from "#tests/support/backups";
import { createEmptyDatabase } from "#tests/support/database";
import { createGalleryClient } from "#tests/support/gallery";
import { kindsOf, replay } from "#tests/support/histories";
import {
  releasedBackup,
  releasedGallery,
  releasedRuns,
  releasedVersions,
  releasesFolder,
} from "#tests/support/releases";
import { startStack } from "#tests/support/stack";
import { until } from "#tests/support/wait";

const scratch = await mkdtemp(join(tmpdir(), "gallery-released-"));
const current = join(scratch, "current");
const galleries = [
  ["this version", current],
  ...(await releasedVersions()).map((version) => [version, join(releasesFolder, version)]),
] as [string, string][];
const ends: (() => Promise<unknown>)[] = [() => rm(scratch, { recursive: true, force: true })];
beforeAll(async () => {
  await mkdir(current);
  await recordGallery(current);
}, 120_000);
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
}, 60_000);

/** Restores the gallery of a release into an empty database and folder, and starts this version on it. */
async function takeOver(backup: string) {
  const target = await createEmptyDatabase();
  ends.push(target.drop);
  const dataDir = join(scratch, crypto.randomUUID());
  const commands = createBackupCommands({ url: target.url, dataDir });
  const restore = { verb: "restore", folder: backup, backup: null, acceptsLosses: false } as const;
  expect(await commands.run(restore)).toMatchObject({ code: 0 });
  const stack = await startStack({ env: { DATABASE_URL: target.url, DATA_DIR: dataDir } });
  ends.push(() => stack.stop());
  const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
  return { gallery: createGalleryClient(api.url), invokeai: stack.invokeai };
}

for (const [name, folder] of galleries) {
  test(`a gallery that ${name} left in the midst of its work is taken over: every byte is there, and the rest is generated once`, async () => {
    const released = await releasedGallery(folder);
    const { gallery, invokeai } = await takeOver(releasedBackup(folder));
    for (const { id, sha256 } of released.originals) {
      const response = await fetch(`${gallery.url}/api/v1/photos/${id}`, {
        headers: { accept: "image/*" },
      });
      const bytes = await response.bytes();
      expect(sha256Of(bytes)).toBe(sha256);
    }
    expect(
      (await gallery.get("/photos?trashed=true")).items.map(({ id }: { id: string }) => id),
    ).toEqual([released.trashed]);
    const shared = await gallery.get(`/share/${released.sharedKey}/photos`);
    expect(shared.items.map(({ id }: { id: string }) => id)).toEqual(released.album.photos);

    for (const { step, images } of released.unfinished) {
      await gallery.stepIs(step, ["completed"]);
      await gallery.allRetrieved(step, images);
    }
    const missing = released.unfinished.reduce((sum, each) => sum + each.missing, 0);
    expect((await invokeai.control.state()).generated).toHaveLength(missing);
    // The image stayed on an InvokeAI that this gallery does not know.
    await until("a retrieval that ended", async () => {
      const { retrieval_status: status } = await gallery.get(`/photos/${released.unfetched}`);
      return status === "failed";
    });
    expect(await gallery.photosOf(released.completed)).toHaveLength(2);
  }, 180_000);

  test(`every run that ${name} left open replays with the current workflows`, async () => {
    const runs = await releasedRuns(folder);
    expect([...kindsOf(runs)]).toEqual(
      expect.arrayContaining([
        "generation-session",
        "generation-step",
        "photo-retrieval",
        "invokeai-backend",
        "invokeai-mirror",
      ]),
    );
    expect(await replay(runs)).toEqual({});
  }, 60_000);
}
