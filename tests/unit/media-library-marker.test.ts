import { afterAll, beforeEach, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createDiskStorage } from "#media/storage/disk";
import { areas, originalKey, thumbnailKey } from "#media/storage/keys";
import { claimLibrary } from "#media/storage/library-marker";

const root = await mkdtemp(join(tmpdir(), "media-marker-"));
afterAll(() => rm(root, { recursive: true }));

let dataDir: string;
let id: string;
beforeEach(() => {
  dataDir = join(root, randomUUID());
  id = randomUUID();
});

const noPhotos = async () => false;
const claim = async (hasPhotos: (kind?: string) => Promise<boolean> = noPhotos) => {
  const storage = createDiskStorage({ dataDir });
  await claimLibrary(storage, id, hasPhotos);
  return storage;
};
const uploadKey = () => originalKey({ kind: "uploaded", id: randomUUID(), mimeType: "image/png" });
const generatedKey = () =>
  originalKey({ kind: "generated", id: randomUUID(), mimeType: "image/png" });
const bytes = Buffer.from("bytes");
const outcome = (work: Promise<unknown>) =>
  work.then(
    () => "written",
    (error: { code: string }) => error.code,
  );

/** A library from before areas had their own markers. */
async function makeOlderLibrary(): Promise<void> {
  const storage = createDiskStorage({ dataDir });
  await storage.writeMarker(id);
  for (const key of [uploadKey(), generatedKey(), thumbnailKey(randomUUID())]) {
    await storage.put(key, bytes);
  }
}

test("a new library gets a marker beside its areas and one in each", async () => {
  const storage = await claim();
  expect(await storage.readMarker()).toBe(id);
  for (const area of areas) expect(await storage.readMarker(area)).toBe(id);
  expect(await storage.findUnmountedArea()).toBeUndefined();
});

test("an older library gets its areas' markers at the next start", async () => {
  await makeOlderLibrary();
  const storage = await claim(async () => true);
  expect(await storage.findUnmountedArea()).toBeUndefined();
  expect(await outcome(storage.put(uploadKey(), bytes))).toBe("written");
});

test("an older library without generated images gets a marker for their area as well", async () => {
  await makeOlderLibrary();
  await rm(join(dataDir, "photos/generated"), { recursive: true });
  const storage = await claim(async (kind) => kind !== "generated");
  expect(await outcome(storage.put(generatedKey(), bytes))).toBe("written");
});

test("an unmounted area of an older library gets no marker at the first start, and gets one once it is mounted", async () => {
  await makeOlderLibrary();
  const mounted = join(root, randomUUID());
  await Bun.$`mv ${join(dataDir, "photos/generated")} ${mounted}`;
  await mkdir(join(dataDir, "photos/generated"));
  const storage = await claim(async () => true);
  expect(await storage.findUnmountedArea()).toBe("photos/generated");
  expect(await outcome(storage.put(generatedKey(), bytes))).toBe("storage_error");
  expect(await outcome(storage.put(uploadKey(), bytes))).toBe("written");
  expect(await readdir(join(dataDir, "photos/generated"))).toEqual([]);

  await rm(join(dataDir, "photos/generated"), { recursive: true });
  await Bun.$`mv ${mounted} ${join(dataDir, "photos/generated")}`;
  const restarted = await claim(async () => true);
  expect(await restarted.findUnmountedArea()).toBeUndefined();
  expect(await outcome(restarted.put(generatedKey(), bytes))).toBe("written");
});

test("an area that is not mounted at a later start gets no marker, even without photos, and works once it is mounted again", async () => {
  await claim();
  const mounted = join(root, randomUUID());
  await Bun.$`mv ${join(dataDir, "photos/generated")} ${mounted}`;
  await mkdir(join(dataDir, "photos/generated"));
  const storage = await claim();
  expect(await outcome(storage.put(generatedKey(), bytes))).toBe("storage_error");
  expect(await readdir(join(dataDir, "photos/generated"))).toEqual([]);
  await rm(join(dataDir, "photos/generated"), { recursive: true });
  await Bun.$`mv ${mounted} ${join(dataDir, "photos/generated")}`;
  expect(await outcome(storage.put(generatedKey(), bytes))).toBe("written");
});

test("a volume of another installation mounted at an area is not written to", async () => {
  const storage = await claim();
  await writeFile(join(dataDir, "photos/uploaded/.installation"), `${randomUUID()}\n`);
  expect(await outcome(storage.put(uploadKey(), bytes))).toBe("storage_error");
  expect(await storage.findUnmountedArea()).toBe("photos/uploaded");
});

test("a folder that is replaced while a file is received gets no file", async () => {
  const storage = await claim();
  await using staged = await storage.stage("uploaded");
  async function* cut() {
    yield bytes;
    await Bun.$`mv ${join(dataDir, "photos/uploaded")} ${join(root, randomUUID())}`;
    await mkdir(join(dataDir, "photos/uploaded"));
    yield bytes;
  }
  expect(await outcome(staged.receive(cut(), 1_000))).toBe("storage_error");
  expect(await readdir(join(dataDir, "photos/uploaded"))).toEqual([]);
});

test("a produced file is not stored when the marker is missing before or afterwards", async () => {
  const storage = await claim();
  const folder = join(dataDir, "photos/thumbnails");
  const unmount = async () => {
    await Bun.$`mv ${folder} ${join(root, randomUUID())}`;
    await mkdir(folder);
  };
  const produce = async (path: string) => {
    await writeFile(path, bytes);
    await unmount();
    return true;
  };
  expect(await outcome(storage.write(thumbnailKey(randomUUID()), produce))).toBe("storage_error");
  expect(await readdir(folder)).toEqual([]);
  let produced = 0;
  const again = async () => (produced += 1) > 0;
  expect(await outcome(storage.write(thumbnailKey(randomUUID()), again))).toBe("storage_error");
  expect([produced, await readdir(folder)]).toEqual([0, []]);
});

test("the sweep quarantines nothing without the marker", async () => {
  const storage = await claim();
  const key = uploadKey();
  await storage.put(key, bytes);
  await rm(join(dataDir, "photos/uploaded/.installation"));
  const later = new Date(Date.now() + 1_000);
  expect(await outcome(storage.quarantine(key, later))).toBe("storage_error");
  expect(await storage.find(key)).toBeDefined();
});

test("markers are not listed as files", async () => {
  const storage = await claim();
  const listed: string[] = [];
  for (const area of areas) for await (const { key } of storage.list(area)) listed.push(key);
  expect(listed).toEqual([]);
});

test("a real volume is not written to while unmounted, and is once it is mounted again", async () => {
  const program = `
    import { mkdir, readdir } from "node:fs/promises";
    import { createDiskStorage } from "#media/storage/disk";
    import { originalKey } from "#media/storage/keys";
    import { claimLibrary } from "#media/storage/library-marker";
    const [dataDir, backing] = process.argv.slice(1);
    const folder = dataDir + "/photos/uploaded";
    await mkdir(folder, { recursive: true });
    await mkdir(backing);
    const mount = () => Bun.$\`mount --bind \${backing} \${folder}\`;
    await mount();
    const storage = createDiskStorage({ dataDir });
    await claimLibrary(storage, "an-id", async () => false);
    const put = () => {
      const key = originalKey({ kind: "uploaded", id: crypto.randomUUID(), mimeType: "image/png" });
      return storage.put(key, Buffer.from("bytes")).then(() => "written", (error) => error.code);
    };
    const outcomes = [await put()];
    await Bun.$\`umount \${folder}\`;
    outcomes.push(await put(), (await readdir(folder)).length);
    await mount();
    outcomes.push(await put());
    console.log(JSON.stringify(outcomes));`;
  // A separate mount namespace leaves nothing behind and needs no privileges.
  const child = Bun.spawn(
    [
      "unshare",
      "--user",
      "--map-root-user",
      "--mount",
      process.execPath,
      "--no-env-file",
      "-e",
    ].concat(program, dataDir, join(root, randomUUID())),
    { cwd: join(import.meta.dir, "../.."), stdout: "pipe" },
  );
  expect(await new Response(child.stdout).json()).toEqual([
    "written",
    "storage_error",
    0,
    "written",
  ]);
});
