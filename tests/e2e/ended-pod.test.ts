import { afterAll, expect, test } from "bun:test";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

const { stack, gallery } = await startGallery();
afterAll(() => stack.stop(), 30_000);

test("a step whose pod ends makes again the image that was not fetched and those that were not made, and no other", async () => {
  const { control } = stack.invokeai;
  const { sql } = stack.database;
  const session = await gallery.createSession();
  await control.addFault({ kind: "status_500_json", route: "imageFull" });
  await control.holdStep({ item: 2, step: 1 });
  const { id } = await gallery.requestStep(session.id, {
    parameters: { seed: 100, batch_size: 3 },
  });
  await until("two images that are not fetched", async () => {
    const waiting = await sql`
      select from photos where step_id = ${id} and retrieval_attempts > 0`;
    return waiting.length === 2;
  });
  // The rows of a pod: nothing is rented, so any pod counts as ended. The first image is still at InvokeAI.
  const pod = `pod:${crypto.randomUUID()}`;
  await sql`update attempts set backend = ${pod} where step_id = ${id}`;
  await sql`update photos set backend = ${pod} where step_id = ${id} and slot_index = 1`;
  await control.clearFaults();
  await control.release();
  await gallery.stepIs(id, ["completed"]);
  await gallery.allRetrieved(id, 3);
  const attempts = await sql<{ backend: string; slots: number[] }[]>`
    select backend, to_json(slot_indexes) as slots from attempts where step_id = ${id} order by number`;
  expect(attempts.map(({ backend }) => backend)).toEqual([pod, "local"]);
  expect(attempts[1]?.slots).toContain(1);
  expect(attempts[1]?.slots).not.toContain(0);
}, 60_000);
