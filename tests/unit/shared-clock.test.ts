import { expect, test } from "bun:test";
import { createSharedClock } from "#activities/worker/shared-clock";

/** A clock of this machine that starts at 0 and moves by `roundTripMs` with each question to Postgres. */
function clocks(differenceMs: number, roundTripMs = 0) {
  let own = 0;
  const readTime = async () => {
    own += roundTripMs / 2;
    const time = new Date(own + differenceMs);
    own += roundTripMs / 2;
    return time;
  };
  return createSharedClock(readTime, () => own);
}

test("two machines whose clocks differ by minutes agree on the time", async () => {
  const late = clocks(120_000, 20);
  const early = clocks(-60_000, 20);
  expect([await late.compare(), await early.compare()]).toEqual([120_000, -60_000]);
  expect([late.now().getTime(), early.now().getTime()]).toEqual([120_020, -59_980]);
});

test("a clock in step is left alone, also when Postgres answers slowly, and again after it was put right", async () => {
  expect(await clocks(900).compare()).toBe(0);
  expect(await clocks(2_000, 4_000).compare()).toBe(0);
  let difference = 5_000;
  const clock = createSharedClock(
    async () => new Date(difference),
    () => 0,
  );
  expect(await clock.compare()).toBe(5_000);
  difference = 0;
  expect(await clock.compare()).toBe(0);
});

test("while Postgres is away the last correction stays", async () => {
  let isAway = false;
  const clock = createSharedClock(
    async () => {
      if (isAway) throw new Error("away");
      return new Date(5_000);
    },
    () => 0,
  );
  await clock.compare();
  isAway = true;
  expect(await clock.compare().catch((error: Error) => error.message)).toBe("away");
  expect(clock.now().getTime()).toBe(5_000);
});
