import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { serve } from "#api/serve";
import { loadConfig } from "#config";
import { applyMigrations } from "#db/migrations";
import { ensureInstallation } from "#db/queries/installation/installation";
import { createDiskStorage } from "#media/storage/disk";
import { createTestDatabase } from "#tests/support/database";
import { insertPhoto } from "#tests/support/rows";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gallery-start-"));
});
afterAll(() => rm(folder, { recursive: true }));

const configFor = (url: string, dataDir: string) =>
  loadConfig({
    DATABASE_URL: url,
    DATA_DIR: join(folder, dataDir),
    PORT: "0",
    LOG_LEVEL: "silent",
    TEMPORAL_ADDRESS: "127.0.0.1:9",
  });

const refusal = async (url: string, dataDir: string) =>
  serve(configFor(url, dataDir)).then(
    async (api) => (await api.stop(), "it started"),
    (error: Error) => error.message,
  );

test("the api starts without a workflow service, twice on the same data, and two side by side", async () => {
  const database = await createTestDatabase();
  const first = await serve(configFor(database.url, "a"));
  const second = await serve(configFor(database.url, "a"));
  expect(first.url).not.toBe(second.url);
  for (const { url } of [first, second]) expect((await fetch(`${url}/health`)).status).toBe(200);
  await Promise.all([first.stop(), second.stop()]);
  await database.drop();
}, 60_000);

test("on an outdated schema it refuses to start and names the command", async () => {
  const database = await createTestDatabase();
  await database.sql`delete from drizzle.__drizzle_migrations`;
  expect(await refusal(database.url, "b")).toContain("./gallery migrate");
  await database.drop();
});

test("on a database that a newer version has migrated it refuses to start, and so does the migration", async () => {
  const database = await createTestDatabase();
  await database.sql`
    insert into drizzle.__drizzle_migrations (hash, created_at) values ('newer', 9999999999999)`;
  expect(await refusal(database.url, "newer")).toContain("A newer version of the gallery");
  const migration = await applyMigrations(database).catch((error: Error) => error);
  expect(migration).toMatchObject({ message: expect.stringContaining("Start the newer version") });
  await database.drop();
});

test("on an unfinished restore it refuses to start and names the command", async () => {
  const database = await createTestDatabase();
  await ensureInstallation(database.db);
  await database.sql`update installation set restoring_backup_id = gen_random_uuid()`;
  expect(await refusal(database.url, "half")).toContain("./gallery restore");
  await database.drop();
});

test("with another database's data folder it refuses to start", async () => {
  const database = await createTestDatabase();
  const storage = createDiskStorage({ dataDir: join(folder, "c") });
  await storage.writeMarker(crypto.randomUUID());
  expect(await refusal(database.url, "c")).toContain("belongs to another database");
  await database.drop();
});

test("with photos in the database and an empty data folder it refuses to start", async () => {
  const database = await createTestDatabase();
  await insertPhoto(database.db);
  expect(await refusal(database.url, "d")).toContain("Is the volume mounted");
  await database.drop();
});
