import { afterAll, expect, test } from "bun:test";
import { Client, Connection, ScheduleNotFoundError } from "@temporalio/client";
import { ensureNamespace } from "#activities/worker/namespace";
import { ensureSchedules } from "#activities/worker/schedules";
import type { WorkerRole } from "#config";
import { housekeepingId } from "#workflows/housekeeping/contract";
import { required } from "#tests/support/environment";

const connection = await Connection.connect({ address: required("TEST_TEMPORAL_ADDRESS") });
const namespace = `schedules-${crypto.randomUUID()}`;
await ensureNamespace(connection, namespace);
const client = new Client({ connection, namespace });
afterAll(() => connection.close());

const configOf = (folder: string | null, roles: WorkerRole[] = ["housekeeping"]) => ({
  backup: { folder, keep: 3 },
  timeZone: "Europe/Berlin",
  worker: { roles, port: null },
});
const find = (task: "back-up" | "verify-originals" | "reconcile") =>
  client.schedule
    .getHandle(housekeepingId(task))
    .describe()
    .catch((error: Error) => error);

test("backups and checks of originals run at night in the owner's time zone, and after a night in which the machine was off", async () => {
  await ensureSchedules(client, {}, configOf("/mnt/backups"));
  const expected = { spec: { timezone: "Europe/Berlin" }, policies: { overlap: "SKIP" } };
  for (const [task, hour] of [
    ["back-up", 3],
    ["verify-originals", 4],
  ] as const) {
    const found = await find(task);
    if (found instanceof Error) throw found;
    expect(found).toMatchObject(expected);
    expect(found.spec.calendars?.map(({ hour: at }) => at)).toEqual([
      [{ start: hour, end: hour, step: 1 }],
    ]);
    expect(found.policies.catchupWindow).toBe(20 * 60 * 60 * 1_000);
  }
}, 60_000);

test("without a folder for backups there is no schedule for them, also when there was one", async () => {
  await ensureSchedules(client, {}, configOf("/mnt/backups"));
  await ensureSchedules(client, {}, configOf(null));
  await ensureSchedules(client, {}, configOf(null));
  expect(await find("back-up")).toBeInstanceOf(ScheduleNotFoundError);
  expect(await find("verify-originals")).not.toBeInstanceOf(Error);
  expect(await find("reconcile")).not.toBeInstanceOf(Error);
}, 60_000);

test("workers that start at once make each schedule once, and one that makes no backups leaves their schedule alone", async () => {
  const withBackups = Array.from({ length: 3 }, () => configOf("/mnt/backups"));
  await Promise.all(
    [...withBackups, configOf(null, ["generation", "images"])].map((config) =>
      ensureSchedules(client, {}, config),
    ),
  );
  await ensureSchedules(client, {}, configOf(null, ["images"]));
  expect(await find("back-up")).not.toBeInstanceOf(Error);
  const ids = new Set<string>();
  let count = 0;
  for await (const { scheduleId } of client.schedule.list()) {
    count += 1;
    ids.add(scheduleId);
  }
  expect(ids.size).toBe(count);
  expect(await find("reconcile")).toMatchObject({ policies: { overlap: "SKIP" } });
}, 60_000);
