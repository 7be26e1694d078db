import { afterAll, beforeAll, expect, test } from "bun:test";
import { watchBackups } from "#api/backup-metrics";
import { createMetrics } from "#api/metrics";
import { beginBackup, completeBackup, failBackup } from "#db/queries/backups/backups";
import { beginMove, noteMoveMessage, switchMove } from "#db/queries/storage/storage-moves";
import { noteChecks } from "#db/queries/photos/original-checks";
import { createTestApi, type TestApi } from "#tests/support/api";
import { insertPhoto } from "#tests/support/rows";

let api: TestApi;
beforeAll(async () => {
  api = await createTestApi();
}, 60_000);
afterAll(() => api.close());

const db = () => api.deps.database.db;
const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);

async function begin(now: Date): Promise<string> {
  const id = crypto.randomUUID();
  const where = { folder: "/mnt/private-name", trigger: "schedule" as const };
  await beginBackup(db(), { id, name: `backup-${id}`, ...where, now });
  return id;
}

const counts = { originals: 3, bytes: 300, newOriginals: 1, newBytes: 100, missing: 0 };

test("backups are listed with their state, newest first, without the path of their folder", async () => {
  const good = await begin(minutesAgo(120));
  await completeBackup(db(), { id: good, counts, now: minutesAgo(119) });
  const bad = await begin(minutesAgo(60));
  await failBackup(db(), { id: bad, error: "There is no room left.", now: minutesAgo(59) });
  const running = await begin(minutesAgo(1));
  const [, body] = await api.call("GET", "/backups");
  expect(body.items.map(({ id, status }: Record<string, string>) => [id, status])).toEqual([
    [running, "running"],
    [bad, "failed"],
    [good, "completed"],
  ]);
  expect(body.items[2]).toMatchObject({ originals: 3, bytes: 300, new_originals: 1, missing: 0 });
  expect(body.items[1]).toMatchObject({ error: "There is no room left." });
  expect(JSON.stringify(body)).not.toContain("private-name");
});

test("the place of the photos is shown, and what a move to another one waits for", async () => {
  expect(await api.call("GET", "/storage")).toEqual([200, { place: "disk" }]);
  const id = crypto.randomUUID();
  await beginMove(db(), { id, source: "disk", target: "s3" });
  await noteMoveMessage(db(), { id, message: "There is no room left." });
  const [, { place, move }] = await api.call("GET", "/storage");
  expect(place).toBe("disk");
  expect(move).toMatchObject({
    id,
    status: "copying",
    waiting_for: "There is no room left.",
    summary: expect.stringContaining("It waits: There is no room left."),
  });
  await switchMove(db(), id);
  await noteMoveMessage(db(), { id, message: null });
  const [, after] = await api.call("GET", "/storage");
  expect([after.place, after.move.waiting_for]).toEqual(["s3", undefined]);
});

test("metrics tell the age of the last good backup, failures since, and damaged originals", async () => {
  const metrics = createMetrics();
  watchBackups(metrics, db());
  const text = await metrics.registry.metrics();
  const valueOf = (name: string) => Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
  expect(valueOf("gallery_backup_age_seconds")).toBeGreaterThanOrEqual(120 * 60);
  expect(valueOf("gallery_backup_failures")).toBe(1);
  expect(valueOf("gallery_damaged_originals")).toBe(0);
});

test("without a good backup there is no age", async () => {
  const fresh = await createTestApi();
  const metrics = createMetrics();
  watchBackups(metrics, fresh.deps.database.db);
  expect(await metrics.registry.metrics()).not.toMatch(/^gallery_backup_age_seconds \d/m);
  await fresh.close();
});

test("lost and damaged originals are shown, until they are purged", async () => {
  const [fine, lost] = [await insertPhoto(db()), await insertPhoto(db(), { filename: "sea.png" })];
  const results = [
    { photoId: fine.id, fault: null, isInBackup: null },
    { photoId: lost.id, fault: "missing" as const, isInBackup: true },
  ];
  await noteChecks(db(), { results, now: new Date() });
  const [, body] = await api.call("GET", "/integrity");
  expect(body).toMatchObject({
    originals: 2,
    checked: 2,
    faulty: 1,
    faults: [{ photo_id: lost.id, filename: "sea.png", fault: "missing", is_in_backup: true }],
  });
  await api.request(`/api/v1/photos/${lost.id}?permanent=true`, { method: "DELETE" });
  const [, after] = await api.call("GET", "/integrity");
  expect(after).toMatchObject({ originals: 1, faulty: 0 });
});
