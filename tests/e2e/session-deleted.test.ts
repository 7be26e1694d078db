import { afterAll, expect, test } from "bun:test";
import { photos } from "#db/schema/photos";
import { sessions } from "#db/schema/sessions";
import { steps } from "#db/schema/steps";
import { generationSessionId } from "#workflows/generation-session/contract";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

const { stack, gallery } = await startGallery();

afterAll(() => stack.stop(), 30_000);

test("a session deleted during a step is not found from then on; its step is cancelled, its images are moved to the trash, then its row is deleted", async () => {
  const { control } = stack.invokeai;
  const { db } = stack.database;
  await control.holdStep({ item: 1, step: 1 });
  const session = await gallery.createSession();
  const step = await gallery.requestStep(session["id"], { parameters: { batch_size: 3 } });
  await gallery.photosAre(step["id"], 1);

  const path = `${gallery.url}/api/v1/generation/sessions/${session["id"]}`;
  const remove = () => fetch(path, { method: "DELETE" });
  expect((await remove()).status).toBe(204);
  expect((await remove()).status).toBe(404);
  expect((await fetch(path)).status).toBe(404);
  expect((await fetch(`${gallery.url}/api/v1/generation/steps/${step["id"]}`)).status).toBe(404);
  expect((await gallery.get("/generation/sessions"))["items"]).toEqual([]);

  await control.release();
  await until("no session", async () => (await db.$count(sessions)) === 0);
  expect(await db.$count(steps)).toBe(0);
  const run = stack.temporal.workflow.getHandle(generationSessionId(session["id"]));
  await until("the end of its run", async () => (await run.describe()).status.name === "COMPLETED");
  const kept = await db.select().from(photos);
  expect(kept.length).toBeGreaterThan(0);
  expect(kept.every((photo) => photo.deletedAt !== null && photo.sessionId === null)).toBe(true);
}, 90_000);
