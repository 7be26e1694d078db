import { afterAll, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPodSecret } from "#activities/pods/secret";
import { claimLibrary } from "#media/storage/library-marker";
import { createObjectStore } from "#media/storage/s3/object-store";
import { createS3Storage } from "#media/storage/s3/storage";
import { startObjectStore } from "#tests/support/object-store";

const server = await startObjectStore();
const folders: string[] = [];
afterAll(async () => {
  await server.stop();
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** A machine with a data folder of its own, and the common bucket. */
async function startMachine(prefix: string) {
  const dataDir = await mkdtemp(join(tmpdir(), "gallery-machine-"));
  folders.push(dataDir);
  const store = createObjectStore({ ...server.access, prefix });
  return { dataDir, storage: createS3Storage({ store, dataDir, cacheBytes: 1_000_000 }) };
}

test("machines that start at once claim an empty bucket for one installation, and one of another is refused", async () => {
  const prefix = `${crypto.randomUUID()}/`;
  const machines = await Promise.all([1, 2, 3].map(() => startMachine(prefix)));
  const claims = machines.map(({ storage }) => claimLibrary(storage, "ours", async () => false));
  await Promise.all(claims);
  for (const { storage } of machines) {
    expect(await storage.readMarker()).toBe("ours");
    expect(await storage.findUnmountedArea()).toBeUndefined();
  }
  const { storage } = await startMachine(prefix);
  const refusal = await claimLibrary(storage, "another", async () => false).catch(String);
  expect(refusal).toContain("belongs to another database");
});

test("workers with data folders of their own share the secret of pods, whichever starts first, and each keeps a copy", async () => {
  const prefix = `${crypto.randomUUID()}/`;
  const machines = await Promise.all([1, 2, 3].map(() => startMachine(prefix)));
  const secrets = await Promise.all(
    machines.map(({ dataDir, storage }) => openPodSecret(dataDir, storage)),
  );
  const late = await startMachine(prefix);
  // It has rented pods alone before.
  await openPodSecret(late.dataDir, { agreeOn: async (_, text) => text });
  secrets.push(await openPodSecret(late.dataDir, late.storage));
  expect(new Set(secrets.map((secret) => secret.beatTokenOf("a"))).size).toBe(1);
  const copies = [...machines, late].map(({ dataDir }) =>
    readFile(join(dataDir, "pod-secret"), "utf8"),
  );
  expect(new Set(await Promise.all(copies)).size).toBe(1);
});

test("a photo that one machine stores is read by the others, and their unfinished files stay theirs", async () => {
  const prefix = `${crypto.randomUUID()}/`;
  const [first, second] = [await startMachine(prefix), await startMachine(prefix)];
  const id = crypto.randomUUID();
  const key = `photos/uploaded/${id.slice(0, 2)}/${id}.png`;
  await using staged = await first.storage.stage("uploaded", id);
  const chunks = async function* () {
    yield new TextEncoder().encode("a photo");
  };
  await staged.receive(chunks(), 1_000);
  // Neither an owner's repeat nor a sweep of another machine finds it.
  await second.storage.removeStaged("uploaded", id);
  const listed: string[] = [];
  for await (const file of second.storage.list("photos/uploaded")) listed.push(file.key);
  expect(listed).toEqual([]);
  await first.storage.commit(staged, key);
  const found = await second.storage.find(key);
  expect(found && (await new Response(found.content.stream()).text())).toBe("a photo");
  await second.storage.remove(key);
  expect(await second.storage.find(key)).toBeUndefined();
});
