import { afterAll, expect, test } from "bun:test";
import { generationSessionId } from "#workflows/generation-session/contract";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

// The days of SESSION_IDLE_DAYS.
const { stack, gallery } = await startGallery({ timings: { sessionIdleMs: 6_000 } });

afterAll(() => stack.stop(), 30_000);

const runOf = (sessionId: string) =>
  stack.temporal.workflow.getHandle(generationSessionId(sessionId));

test("a session is open as long as a step runs, and completed when nobody asked anything of it since", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const { id } = await gallery.createSession();
  const step = await gallery.requestStep(id, { parameters: { batch_size: 1 } });
  await control.until((state) => state.frozen !== null);
  // Nobody asks anything of this one either, and from later on.
  const quiet = await gallery.createSession();
  await until("the end of a quiet session", async () => {
    const seen = await gallery.get(`/generation/sessions/${quiet["id"]}`);
    return seen["status"] === "completed";
  });
  expect((await gallery.get(`/generation/sessions/${id}`))["status"]).toBe("active");
  await control.release();
  await gallery.stepIs(step["id"], ["completed"]);

  const session = await until("its end", async () => {
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

test("an active session whose run is gone goes on with the next step, in a new run", async () => {
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
