import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { photos } from "#db/schema/photos";
import { sessions } from "#db/schema/sessions";
import { createDiskStorage } from "#media/storage/disk";
import { sweepLibrary } from "#library/sweep";
import { sha256Of } from "#sha256";
import { painted } from "#tests/fixtures/pictures";
import { createTestApi } from "#tests/support/api";
import { startApiProcess } from "#tests/support/api-process";
import { exportOf, importInto, makeSession } from "#tests/support/made-session";
import { rawZip } from "#tests/support/raw-zip";
import { until } from "#tests/support/wait";
import { unzip } from "#tests/support/zip";

type Api = Pick<Awaited<ReturnType<typeof startApiProcess>>, "dataDir" | "database">;

let api: Awaited<ReturnType<typeof startApiProcess>>;
let archive: Buffer;

beforeAll(async () => {
  const here = await createTestApi();
  archive = await withLargePictures(await exportOf(here, (await makeSession(here)).id));
  await here.close();
  api = await startApiProcess();
}, 60_000);
afterAll(() => api.stop());

/** Pictures that take a while to decode, so that the process can be killed during the import. */
async function withLargePictures(small: Buffer): Promise<Buffer> {
  const files = await unzip(small);
  const document = JSON.parse(files.get("session.json")!.toString());
  const kept = document.photos.filter((photo: { file?: string }) => photo.file !== undefined);
  for (const [at, photo] of kept.entries()) {
    const bytes = await painted(1_200 + at * 8, 1_200)
      .png({ compressionLevel: 1 })
      .toBuffer();
    photo.file_size = bytes.length;
    photo.content_hash = sha256Of(bytes);
    files.set(photo.file, bytes);
  }
  files.set("session.json", Buffer.from(JSON.stringify(document)));
  return rawZip([...files].map(([name, bytes]) => ({ name, bytes })));
}

const over = (url: string) => ({
  request: (path: string, init?: RequestInit) => fetch(`${url}${path}`, init),
});

async function originals({ dataDir }: Api): Promise<string[]> {
  const all = await readdir(`${dataDir}/photos`, { recursive: true });
  return all.filter((name) => /^(uploaded|generated)\/..\/.+\./.test(name));
}

const sweepLater = ({ dataDir, database }: Api) =>
  sweepLibrary(
    { database, storage: createDiskStorage({ dataDir }) },
    { now: new Date(Date.now() + 2 * 60 * 60 * 1_000), onQuery: () => {} },
  );

test("a killed import leaves no row; repeated it is complete, and the sweep finds only unfinished files", async () => {
  const { db } = api.database;
  const broken = importInto(over(api.url), archive).catch(() => "broken");
  await until("the first picture", async () => (await originals(api)).length > 0);
  await api.child.kill();
  expect(await broken).toBe("broken");
  expect({ photos: await db.$count(photos), sessions: await db.$count(sessions) }).toEqual({
    photos: 0,
    sessions: 0,
  });
  expect((await originals(api)).length).toBeLessThan(5);

  const env = { DATABASE_URL: api.database.url, DATA_DIR: api.dataDir };
  const next = await startApiProcess(env);
  try {
    expect((await importInto(over(next.url), archive)).status).toBe(201);
    expect((await importInto(over(next.url), archive)).status).toBe(200);
  } finally {
    await next.stop();
  }
  expect(await db.$count(sessions)).toBe(1);
  expect(await originals(api)).toHaveLength(5);
  const report = await sweepLater(api);
  expect(report).toMatchObject({ checked: 15, orphans: 0, stopped: false });
  expect(report.unfinished).toBeGreaterThan(0);
}, 60_000);

test("a killed import that is not repeated leaves files that the sweep moves to quarantine", async () => {
  const other = await startApiProcess();
  try {
    const broken = importInto(over(other.url), archive).catch(() => "broken");
    await until("the first picture", async () => (await originals(other)).length > 0);
    await other.child.kill();
    await broken;
    expect((await sweepLater(other)).orphans).toBeGreaterThan(0);
    const left = await originals(other);
    expect(left.filter((name) => !name.includes(".quarantine"))).toEqual([]);
  } finally {
    await other.stop();
  }
}, 60_000);
