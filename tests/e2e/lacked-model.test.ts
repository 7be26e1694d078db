import { afterAll, beforeAll, expect, test } from "bun:test";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

let started: Awaited<ReturnType<typeof startGallery>>;
beforeAll(async () => {
  started = await startGallery({ runpod: {} });
}, 90_000);
afterAll(() => started.stack.stop(), 30_000);

test("a step whose model the rented pod lacks waits and says so, and goes on when the mode is switched back", async () => {
  const { stack, gallery } = started;
  const { control } = stack.invokeai;
  const status = () => gallery.get("/backend/status");
  const session = await gallery.createSession();
  const first = await gallery.requestStep(session.id, { parameters: { batch_size: 1 } });
  await gallery.stepIs(first.id, ["completed"]);
  await control.addFault({ kind: "unreachable", route: "any" });
  await until("a local InvokeAI that is away", async () => !(await status()).connected);
  const { id } = await gallery.requestStep(session.id, { parameters: { batch_size: 1 } });

  await gallery.post("/backend/mode", { mode: "remote" });
  const waiting = await until(
    "a step that waits for its model",
    async () => {
      const step = await gallery.get(`/generation/steps/${id}`);
      return step.progress_message?.startsWith("Waiting for the model") && step;
    },
    60_000,
  );
  expect(waiting).toMatchObject({ status: "pending" });
  expect(waiting.place_in_line).toBeUndefined();
  expect((await status()).pod).toMatchObject({ status: "ready" });

  await control.clearFaults();
  await gallery.post("/backend/mode", { mode: "local" });
  await gallery.stepIs(id, ["completed"]);
}, 180_000);
