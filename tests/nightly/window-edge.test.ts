import { afterAll, expect, test } from "bun:test";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";
import { generationStepId } from "#workflows/generation-step/contract";

const minuteMs = 60_000;
// Not the zone of the machine, and not on the hour.
const timeZone = "Asia/Kathmandu";
// Without the checks that would correct a run whose own timer is late.
const never = 10 * minuteMs;
const timings = { lineCheckMs: never, backendCheckMs: never, reconcileEveryMs: never };
const { stack, gallery } = await startGallery({ env: { TIME_ZONE: timeZone }, timings });
afterAll(() => stack.stop(), 30_000);

const format = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" });
const clock = (at: number | Date): string => format.format(at);
const inNewSession = async (more: object = {}): Promise<string> => {
  const { id } = await gallery.createSession();
  return (await gallery.requestStep(id, { ...more, parameters: { batch_size: 1 } })).id;
};
const isHeld = async (id: string): Promise<boolean> => {
  const step = await gallery.get(`/generation/steps/${id}`);
  const { status, progress_message: message = "", place_in_line: place } = step;
  return status === "pending" && message.startsWith("Not to start before") && place === undefined;
};

test("at the minute at which one window closes and another opens, the one step leaves the line and the other starts", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const holder = await inNewSession();
  await control.until((state) => state.frozen !== null);
  const prepareMs = 10_000;
  const edge = Math.ceil((Date.now() + prepareMs) / minuteMs) * minuteMs;
  const hourMs = 60 * minuteMs;
  const closing = await inNewSession({
    window: { from: clock(edge - hourMs), to: clock(edge) },
  });
  const opening = await inNewSession({
    window: { from: clock(edge), to: clock(edge + hourMs) },
  });
  await gallery.positionIs(closing, 1);
  await until("a step before its window", () => isHeld(opening));
  expect(Date.now()).toBeLessThan(edge);

  const patienceMs = edge - Date.now() + 30_000;
  await until("a step after its window", () => isHeld(closing), patienceMs);
  expect(Date.now()).toBeGreaterThanOrEqual(edge);
  await gallery.positionIs(opening, 1);
  const run = stack.temporal.workflow.getHandle(generationStepId(closing));
  await until("a run that left the line", async () => {
    return (await run.describe()).status.name !== "RUNNING";
  });
  await control.release();
  await gallery.stepIs(holder, ["completed"]);
  const done = await gallery.stepIs(opening, ["completed"]);
  expect(Date.parse(done.started_at)).toBeGreaterThanOrEqual(edge);
  const { enqueues } = await control.state();
  expect(enqueues.map(({ batchId }) => batchId.slice(0, 36))).toEqual([holder, opening]);
  expect(await isHeld(closing)).toBe(true);
  await gallery.patch(`/generation/steps/${closing}`, { window: null });
  await gallery.stepIs(closing, ["completed"]);
}, 180_000);
