import { afterAll, beforeAll, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { events } from "#db/schema/events";
import { photos } from "#db/schema/photos";
import { housekeepingId } from "#workflows/housekeeping/contract";
import { queues } from "#workflows/task-queues";
import { plain } from "#tests/fixtures/pictures";
import { createGalleryClient } from "#tests/support/gallery";
import { listFiles } from "#tests/support/library";
import { type Stack, startStack } from "#tests/support/stack";
import { until } from "#tests/support/wait";

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
}, 60_000);

afterAll(() => stack.stop());

/** The advisory lock that every insert of an event takes. */
const eventLock = 7_361_202;

const filesLeft = async () =>
  (await listFiles(stack.dataDir, "uploaded")).length +
  (await listFiles(stack.dataDir, "thumbnails")).length;

const emptyTrash = () =>
  stack.temporal.workflow.start("purgeTrash", {
    taskQueue: queues.main,
    workflowId: housekeepingId("purge-trash"),
    workflowIdConflictPolicy: "USE_EXISTING",
  });

test("worker killed between the files of a purged photo and its row: the next run finishes the purge, with one event", async () => {
  const [api, worker] = await Promise.all([stack.startApi(), stack.startWorker()]);
  const gallery = createGalleryClient(api.url);
  const photo = await gallery.upload(await plain(64, 48, "teal").png().toBuffer());
  const { db, sql } = stack.database;
  const long = new Date(Date.now() - 31 * 24 * 60 * 60 * 1_000);
  await db.update(photos).set({ deletedAt: long }).where(eq(photos.id, photo["id"]));

  // No event can be inserted: the worker stops after the files and before the row.
  const lock = await sql.reserve();
  await lock`select pg_advisory_lock(${eventLock})`;
  const run = await emptyTrash();
  await until("no files", async () => (await filesLeft()) === 0);
  const [row] = await db.select().from(photos).where(eq(photos.id, photo["id"]));
  expect(row).toMatchObject({ filename: "", contentHash: null });
  expect(row?.purgedAt).not.toBeNull();
  await worker.kill();
  await lock`select pg_advisory_unlock(${eventLock})`;
  lock.release();

  await stack.startWorker();
  // Terminated, so that the next run need not wait for the heartbeat time-out of this one.
  await run.terminate();
  await (await emptyTrash()).result();
  expect(await db.$count(photos)).toBe(0);
  const purged = await db.select().from(events).where(eq(events.type, "photo.purged"));
  expect(purged.map((event) => event.data["photo_id"])).toEqual([photo["id"]]);
}, 90_000);
