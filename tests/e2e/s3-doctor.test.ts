import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { loadConfig } from "#config";
import { prepareBackupBucket } from "#media/backup/bucket/store";
import { createObjectStore, type ObjectStoreAccess } from "#media/storage/s3/object-store";
import { sha256Of } from "#sha256";
import { bucketOfBackups, bucketOfPhotos } from "#stack/doctor/buckets";
import { checkBackups } from "#stack/doctor/backups";
import { type Finding, runChecks } from "#stack/doctor/finding";
import { checkStorage } from "#stack/doctor/storage";
import { createStorage } from "#library/create-storage";
import { given } from "#tests/support/environment";
import { settingsOf, startObjectStore } from "#tests/support/object-store";

const root = join(import.meta.dir, "../..");

let dataDir: string;
let bucket: Awaited<ReturnType<typeof startObjectStore>>;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "gallery-doctor-"));
  bucket = await startObjectStore();
  await createStorage(configOf(bucket.access)).then((storage) =>
    storage.writeMarker(crypto.randomUUID()),
  );
}, 60_000);
afterAll(async () => {
  await bucket.stop();
  await rm(dataDir, { recursive: true });
});

const backupSettings = (access: ObjectStoreAccess) => ({
  BACKUP_TO: `s3://${access.bucket}/${access.prefix}`,
  BACKUP_S3_ENDPOINT: access.endpoint,
  BACKUP_S3_ACCESS_KEY_ID: access.accessKeyId,
  BACKUP_S3_SECRET_ACCESS_KEY: access.secretAccessKey,
});
const configOf = (access: ObjectStoreAccess) =>
  loadConfig({
    DATABASE_URL: "postgres://not-used",
    DATA_DIR: dataDir,
    ...settingsOf(access),
    ...backupSettings(access),
  });

const showing = ({ state, text, advice }: Finding) => `${state}: ${text}. ${advice ?? ""}`;

/** What the doctor says of the bucket of photos and of that of backups. */
async function examine(access: ObjectStoreAccess): Promise<{ photos: string; backups: string }> {
  const config = configOf(access);
  const [storage, database] = [await createStorage(config), undefined];
  const where = { storage, bucket: bucketOfPhotos(config), database, maxUploadBytes: 0 };
  const findings = await runChecks(
    [checkStorage(where), checkBackups(database, bucketOfBackups(config))],
    10_000,
  );
  const of = (part: string) =>
    findings
      .filter((found) => found.part === part)
      .map(showing)
      .join("\n");
  return { photos: of("storage"), backups: of("backups") };
}

async function keysIn(access: ObjectStoreAccess): Promise<string[]> {
  return (await Array.fromAsync(createObjectStore(access).list(""))).map(({ key }) => key);
}

test("a bucket with all rights is well, and nothing stays in it", async () => {
  const before = await keysIn(bucket.access);
  const { photos, backups } = await examine(bucket.access);
  expect(photos).toStartWith("ok: the bucket can be read, written and cleared, ");
  expect(backups).toStartWith("ok: the bucket can be read, written and cleared");
  expect(await keysIn(bucket.access)).toEqual(before);
});

describe("keys that may not do everything", () => {
  const read = ["s3:GetObject", "s3:ListBucket"];
  test.each([
    ["only read", read, "may read and list, but not write: the store answers 403 AccessDenied"],
    [
      "not delete",
      [...read, "s3:PutObject"],
      "may write, read and list, but not delete: the store answers 403 AccessDenied",
    ],
    [
      "not list",
      ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
      "may write, read and delete, but not list: the store answers 403 AccessDenied",
    ],
    [
      "only write",
      ["s3:PutObject"],
      "may write, but not read, list and delete: the store answers 403 AccessDenied",
    ],
    ["nothing", ["s3:GetBucketAcl"], "may do nothing: the store answers 403 AccessDenied"],
  ])("that may %s are named as such", async (_, actions, words) => {
    const { photos, backups } = await examine(await bucket.withRights(actions));
    for (const text of [photos, backups]) {
      expect(text).toContain(`fault: the keys of the bucket ${words}. Let them read, write`);
      expect(text).not.toContain("ok:");
    }
  });
});

describe("a bucket that cannot be used at all", () => {
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  afterAll(() => silent.stop(true));

  test.each([
    [
      "an unknown key",
      { accessKeyId: "nobody" },
      "does not know the access key",
      "S3_ACCESS_KEY_ID",
    ],
    ["a wrong secret", { secretAccessKey: "a-wrong-secret" }, "secret key is wrong", "S3_SECRET"],
    ["another name", { bucket: "nowhere" }, "there is no such bucket", "S3_BUCKET"],
    ["nobody there", { endpoint: "http://127.0.0.1:1" }, "cannot be reached", "S3_ENDPOINT"],
    [
      "no answer",
      { endpoint: `http://127.0.0.1:${silent.port}` },
      "cannot be reached",
      "S3_ENDPOINT",
    ],
  ])("is named with its setting: %s", async (_, change, words, setting) => {
    const { photos, backups } = await examine({ ...bucket.access, ...change });
    expect(photos).toMatch(/^fault: [^\n]*$/);
    expect(photos).toContain(words);
    expect(photos).toContain(setting);
    expect(backups).toContain(words);
    expect(backups).toContain(setting === "S3_BUCKET" ? "BACKUP_TO" : `BACKUP_${setting}`);
  });
});

test("what a trial leaves that may not delete it makes a prefix neither used nor a backup", async () => {
  const access = { ...bucket.access, prefix: `${crypto.randomUUID()}/` };
  const store = createObjectStore(access);
  const { secretAccessKey, accessKeyId } = await bucket.withRights([
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
  ]);
  await examine({ ...access, secretAccessKey, accessKeyId });
  const left = await keysIn(access);
  expect(left).toHaveLength(2);
  for (const key of left) expect(key).toMatch(/^\.trial\//);
  const scratch = join(dataDir, "scratch");
  const expected = { installationId: crypto.randomUUID(), expectsBackups: false };
  const backups = await prepareBackupBucket({ store, scratch }, expected);
  expect(await backups.list()).toEqual([]);
  await backups.clean();
  expect(await keysIn(access)).toEqual(expect.arrayContaining(left));
});

test("a prefix with something else stays refused for backups", async () => {
  const store = createObjectStore({ ...bucket.access, prefix: `${crypto.randomUUID()}/` });
  const text = "mine";
  await store.put("notes.txt", {
    body: new Blob([text]),
    contentHash: sha256Of(text),
    onlyNew: true,
  });
  const expected = { installationId: crypto.randomUUID(), expectsBackups: false };
  const prepared = prepareBackupBucket({ store, scratch: join(dataDir, "scratch") }, expected);
  expect(await prepared.then(String, (error: Error) => error.message)).toContain("not empty");
});

test("./gallery doctor says so, and shows no secret", async () => {
  const access = await bucket.withRights(["s3:GetObject", "s3:ListBucket"]);
  const child = Bun.spawn([process.execPath, "--no-env-file", "cli.ts", "doctor"], {
    cwd: root,
    env: {
      PATH: given("PATH"),
      HOME: given("HOME"),
      DATA_DIR: dataDir,
      ...settingsOf(access),
      ...backupSettings(access),
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const output = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  expect(await child.exited).toBe(1);
  const text = output.join("");
  for (const part of ["storage", "backups"]) {
    expect(text).toMatch(
      new RegExp(`^fault +${part} +the keys of the bucket may read and list, but not write`, "m"),
    );
  }
  expect(text).not.toContain(access.secretAccessKey);
  expect(text).not.toContain(access.accessKeyId);
}, 60_000);
