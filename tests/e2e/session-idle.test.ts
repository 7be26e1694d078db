import { afterAll, expect, test } from "bun:test";
import { generationSessionId } from "#workflows/generation-session/contract";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

// Stands for SESSION_IDLE_DAYS.
const { stack, gallery } = await startGallery({ timings: { sessionIdleMs: 6_000 } });

afterAll(() => stack.stop(), 30_000);

const runOf = (sessionId: string) =>
  stack.temporal.workflow.getHandle(generationSessionId(sessionId));

test("a session stays active while a step runs, and is completed after the idle time without requests", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const { id } = await gallery.createSession();
  const step = await gallery.requestStep(id, { parameters: { batch_size: 1 } });
  await control.until((state) => state.frozen !== null);
  // Idle too, and created later than the first one.
  const quiet = await gallery.createSession();
  await until("the end of a quiet session", async () => {
    const seen = await gallery.get(`/generation/sessions/${quiet["id"]}`);
    return seen["status"] === "completed";
  });
  expect((await gallery.get(`/generation/sessions/${id}`))["status"]).toBe("active");
  await control.release();
  await gallery.stepIs(step["id"], ["completed"]);

  const session = await until("the end of the session", async () => {
    const seen = await gallery.get(`/generation/sessions/${id}`);
    return seen["status"] === "completed" && seen;
  });
  expect(session["completed_at"]).toBeString();
  await until(
    "its run's end",
    async () => (await runOf(id).describe()).status.name === "COMPLETED",
  );
  const refusal = await gallery.requestStep(id).catch((error: Error) => error.message);
  expect(refusal).toContain("409");
  expect(refusal).toContain("open another one");
}, 90_000);

test("an active session whose run was terminated continues with the next step, in a new run", async () => {
  const { id } = await gallery.createSession();
  const first = await until("its run", () =>
    runOf(id)
      .describe()
      .catch(() => undefined),
  );
  await runOf(id).terminate("as after a long time");
  const step = await gallery.requestStep(id, { parameters: { batch_size: 1 } });
  await gallery.stepIs(step["id"], ["completed"]);
  expect((await runOf(id).describe()).runId).not.toBe(first.runId);
}, 90_000);
