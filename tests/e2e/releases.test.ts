import { afterAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBackupCommands } from "#tests/support/backups";
import { createEmptyDatabase } from "#tests/support/database";
import { createGalleryClient } from "#tests/support/gallery";
import { kindsOf, replay } from "#tests/support/histories";
import {
  releasedBackup,
  releasedGallery,
  releasedRuns,
  releasedVersions,
} from "#tests/support/releases";
import { startStack } from "#tests/support/stack";
import { until } from "#tests/support/wait";

const versions = await releasedVersions();
const ends: (() => Promise<unknown>)[] = [];
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
}, 60_000);

/** Restores the gallery of a release into an empty database and folder, and starts this version on it. */
async function takeOver(version: string) {
  const target = await createEmptyDatabase();
  ends.push(target.drop);
  const scratch = await mkdtemp(join(tmpdir(), "gallery-released-"));
  ends.push(() => rm(scratch, { recursive: true, force: true }));
  const dataDir = join(scratch, "data");
  const commands = createBackupCommands({ url: target.url, dataDir });
  const folder = releasedBackup(version);
  const restore = { verb: "restore", folder, backup: null, acceptsLosses: false } as const;
  expect(await commands.run(restore)).toMatchObject({ code: 0 });
  const stack = await startStack({ env: { DATABASE_URL: target.url, DATA_DIR: dataDir } });
  ends.push(stack.stop);
  const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
  return { gallery: createGalleryClient(api.url), invokeai: stack.invokeai };
}

test("there is a gallery of a release to take over", () => {
  expect(versions).not.toEqual([]);
});

for (const version of versions) {
  test(`a gallery that ${version} left in the midst of its work is taken over: every byte is there, and the rest is generated once`, async () => {
    const released = await releasedGallery(version);
    const { gallery, invokeai } = await takeOver(version);
    for (const { id, sha256 } of released.originals) {
      const response = await fetch(`${gallery.url}/api/v1/photos/${id}`, {
        headers: { accept: "image/*" },
      });
      const bytes = await response.bytes();
      expect(new Bun.CryptoHasher("sha256").update(bytes).digest("hex")).toBe(sha256);
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

  test(`every run that ${version} left open replays with the current workflows`, async () => {
    const runs = await releasedRuns(version);
    expect([...kindsOf(runs)]).toEqual(
      expect.arrayContaining([
        "generation-session",
        "generation-step",
        "photo-retrieval",
        "invokeai-backend",
      ]),
    );
    expect(await replay(runs)).toEqual({});
  }, 60_000);
}
