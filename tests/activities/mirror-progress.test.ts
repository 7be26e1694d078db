import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { compareAll, type MirrorPass, takeNewest } from "#activities/mirror/compare";
import { findStep, startStep } from "#db/queries/steps/steps";
import { photos } from "#db/schema/photos";
import type { RouteFault } from "#simulators/invokeai/control";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";
import { createInvokeAiPage, nextDrawing } from "#tests/support/invokeai-page";
import { runPass, undisturbed, watchingDownloads } from "#tests/support/mirror-passes";

/** One picture takes a fraction of it, all of them together take longer. */
const silenceMs = 2_000;
const perPictureMs = 600;
const amount = 24;

let bench: ActivityBench;
beforeAll(async () => {
  bench = await createActivityBench();
  await createInvokeAiPage(bench.simulator.url).draw(
    Array.from({ length: amount }, () => nextDrawing()),
  );
});
afterEach(async () => {
  await bench.simulator.control.clearFaults();
  await bench.db.execute("truncate mirrored_images, mirrored_boards, photos cascade");
});
afterAll(() => bench.close());

const onEachPicture = (fault: { kind: "delay"; delayMs: number } | { kind: "hang" }) =>
  bench.simulator.control.addFault({ ...fault, route: "imageFull" } as RouteFault);

const run = (work: (pass: MirrorPass) => Promise<unknown>) => runPass(bench, work, silenceMs);

const passes: [string, (pass: MirrorPass) => Promise<unknown>, unknown][] = [
  ["the newest pictures", takeNewest, true],
  ["all pictures", (pass) => compareAll(pass, undisturbed), { isComplete: true }],
];

test.each(passes)(
  "a pass over %s may take longer than the allowed silence",
  async (_, pass, ending) => {
    await onEachPicture({ kind: "delay", delayMs: perPictureMs });
    const begun = performance.now();
    expect(await run(pass)).toEqual(ending);
    expect(performance.now() - begun).toBeGreaterThan(silenceMs);
    expect(await bench.db.$count(photos)).toBe(amount);
  },
);

test.each(passes)(
  "a pass over %s that hangs in a picture fails and is retried",
  async (_, pass) => {
    await onEachPicture({ kind: "hang" });
    expect(await run(pass)).toMatchObject({ type: "activity_stalled", nonRetryable: false });
    expect(await bench.db.$count(photos)).toBe(0);
  },
);

test.each([
  ["four pictures are fetched at once", false, 4],
  ["beside a step, two pictures are fetched at once", true, 2],
])("%s", async (_, isBesideStep, most) => {
  if (isBesideStep) {
    const { stepId } = await bench.createAttempt([1]);
    await startStep(bench.db, { step: (await findStep(bench.db, stepId))!, now: new Date() });
  }
  await onEachPicture({ kind: "delay", delayMs: 50 });
  const fetching = { now: 0, most: 0 };
  const onDownload = (_: string, fetched: Promise<unknown>) => {
    fetching.now += 1;
    fetching.most = Math.max(fetching.most, fetching.now);
    void fetched.finally(() => (fetching.now -= 1));
  };
  const ended = await run((pass) => compareAll(watchingDownloads(pass, onDownload), undisturbed));
  expect(ended).toEqual({ isComplete: true });
  expect(fetching).toEqual({ now: 0, most });
});

test("an announced picture is looked for before the next one is begun, and a pass that is told to stop begins no other", async () => {
  let asked = 0;
  const ended = await run((pass) =>
    compareAll(pass, {
      isHinted: () => (asked += 1) === amount,
      // It may also look because a second has passed.
      look: async () => asked < amount,
    }),
  );
  expect(ended).toEqual({ isComplete: false });
  expect(await bench.db.$count(photos)).toBe(amount - 1);
});
