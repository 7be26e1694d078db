import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { isDamage } from "#media/storage/faults";
import { originalKey } from "#media/storage/keys";
import { createObjectStore } from "#media/storage/s3/object-store";
import { createS3Storage } from "#media/storage/s3/storage";
import type { Storage } from "#media/storage/storage";
import { sha256Of } from "#sha256";
import { given } from "#tests/support/environment";
import { startFaultyLine } from "#tests/support/faulty-line";
import { startObjectStore } from "#tests/support/object-store";

let dataDir: string;
let bucket: Awaited<ReturnType<typeof startObjectStore>>;
let line: Awaited<ReturnType<typeof startFaultyLine>>;
let storage: Storage;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "gallery-storage-"));
  bucket = await startObjectStore();
  line = await startFaultyLine(bucket.access.endpoint);
  const access = { ...bucket.access, endpoint: line.url };
  const store = createObjectStore(access, { answerMs: 1_000, stalledMs: 1_000, bytesPerMs: 1_000 });
  storage = createS3Storage({ store, dataDir, cacheBytes: 64 * 1024 ** 2 });
});
afterAll(async () => {
  await line.stop();
  await bucket.stop();
  await rm(dataDir, { recursive: true });
});
beforeEach(() => line.heal());

const newKey = () =>
  originalKey({ kind: "uploaded", id: crypto.randomUUID(), mimeType: "image/png" });

/** As the owner's next request sees it: without what this process knows. */
const openAfresh = () =>
  createS3Storage({
    store: createObjectStore(bucket.access),
    dataDir: join(dataDir, crypto.randomUUID()),
    cacheBytes: 64 * 1024 ** 2,
  });

async function store(key: string, bytes: Uint8Array): Promise<"stored" | "refused"> {
  await using staged = await storage.stage("uploaded");
  await staged.receive(
    (async function* () {
      yield bytes;
    })(),
    bytes.length,
  );
  return await storage.commit(staged, key).then(
    () => "stored",
    () => "refused",
  );
}

/** Beginning, head, body and end of the request; the same of the answer. */
const bytesOfObject = 300_000;
const cuts = [0, 1, 200, 700, 2_000, 150_000, 300_000, bytesOfObject + 600];

test.each(cuts.flatMap((at) => (["cut", "freeze"] as const).map((how) => [how, at] as const)))(
  "an upload whose first request is %s after %i bytes is stored whole, or refused without a trace of a part",
  async (how, at) => {
    const key = newKey();
    const bytes = randomBytes(bytesOfObject);
    line.strike({ how, side: "request", after: at });
    const outcome = await store(key, bytes);
    const found = await openAfresh().find(key);
    if (outcome === "stored") expect(sha256Of(await found!.content.bytes())).toBe(sha256Of(bytes));
    else expect(found === undefined || found.bytes === bytesOfObject).toBe(true);
    expect(line.struck()).toBe(true);
    expect(outcome).toBe("stored");
  },
  60_000,
);

test.each([0, 1, 20, 100])(
  "an upload whose answer is lost after %i bytes is stored, once",
  async (after) => {
    const key = newKey();
    const bytes = randomBytes(bytesOfObject);
    line.strike({ how: "cut", side: "answer", after });
    expect(await store(key, bytes)).toBe("stored");
    expect(line.struck()).toBe(true);
    expect(sha256Of(await (await openAfresh().find(key))!.content.bytes())).toBe(sha256Of(bytes));
  },
  60_000,
);

test.each([
  ["cut", 1_000],
  ["cut", 150_000],
  ["freeze", 150_000],
] as const)(
  "a download that is %s after %i bytes fails, and the next one is whole",
  async (how, after) => {
    const key = newKey();
    const bytes = randomBytes(bytesOfObject);
    expect(await store(key, bytes)).toBe("stored");
    const found = await storage.find(key);
    line.strike({ how, side: "answer", after });
    const outcome = await found!.content.bytes().then(
      () => "read",
      (error: { code: string }) => error.code,
    );
    expect(line.struck()).toBe(true);
    expect(outcome).toBe("storage_error");
    expect(sha256Of(await found!.content.bytes())).toBe(sha256Of(bytes));
  },
  60_000,
);

test("a listing of several pages is complete", async () => {
  const raw = createObjectStore({ ...bucket.access, prefix: `${crypto.randomUUID()}/` });
  const body = new Blob(["x"]);
  const contentHash = sha256Of(await body.bytes());
  const keys = Array.from({ length: 1_003 }, (_, at) => `photos/${String(at).padStart(4, "0")}`);
  for (let at = 0; at < keys.length; at += 50) {
    await Promise.all(
      keys.slice(at, at + 50).map((key) => raw.put(key, { body, contentHash, onlyNew: true })),
    );
  }
  const listed = await Array.fromAsync(raw.list("photos/"));
  expect(listed.map(({ key }) => key).toSorted()).toEqual(keys);
}, 60_000);

test("half an object under a valid key is never taken for the file", async () => {
  const key = newKey();
  const bytes = randomBytes(1_000);
  const raw = createObjectStore(bucket.access);
  const half = new Blob([bytes.subarray(0, 500)]);
  await raw.put(key, { body: half, contentHash: sha256Of(bytes.subarray(0, 500)), onlyNew: false });
  expect(await store(key, bytes)).toBe("refused");
});

// Nobody can damage an object of a foreign store.
if (given("GALLERY_TEST_S3_URL") === undefined) {
  test("an object that is damaged in the store is reported as damage, by its hash and when it is read", async () => {
    const key = newKey();
    expect(await store(key, randomBytes(1_000))).toBe("stored");
    const other = randomBytes(1_000);
    await bucket.damage(key, other);
    const found = openAfresh();
    expect(await found.hash(key)).toBe(sha256Of(other));
    expect(await found.withLocalFile(key, async () => "used").catch(isDamage)).toBe(true);
  });
}

test("a store that is away is an error that says so, and names no address", async () => {
  line.refuse();
  const error = await storage.find(newKey()).then(
    () => undefined,
    (reason: Error) => reason,
  );
  expect(error).toMatchObject({ kind: "unavailable", code: "storage_error" });
  expect(error!.message).not.toContain("127.0.0.1");
});

test("wrong keys are an error that names the settings, not the keys", async () => {
  const access = { ...bucket.access, secretAccessKey: "wrong" };
  const own = createS3Storage({
    store: createObjectStore(access),
    dataDir: join(dataDir, "wrong"),
    cacheBytes: 64 * 1024 ** 2,
  });
  const error = await own.find(newKey()).then(
    () => undefined,
    (reason: Error) => reason,
  );
  expect(error).toMatchObject({ kind: "unavailable", code: "storage_error" });
  expect(error!.message).toContain("S3_BUCKET");
});
