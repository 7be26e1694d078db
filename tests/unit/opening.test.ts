import { describe, expect, test } from "bun:test";
import { closedMessage, openingOf } from "#db/opening";

const berlin = "Europe/Berlin";
const night = { from: "22:00", to: "06:00" };

/** Opens and closes, as seen at a moment; "open": now. */
function seen(
  at: string,
  schedule: { notBefore?: string; window?: typeof night },
  timeZone = berlin,
): [string, string | null] {
  const { notBefore, window = null } = schedule;
  const parsed = { notBefore: notBefore === undefined ? null : new Date(notBefore), window };
  const { opensAt, closesAt } = openingOf(parsed, new Date(at), timeZone);
  return [opensAt?.toISOString() ?? "open", closesAt?.toISOString() ?? null];
}

describe("a step", () => {
  test("without a schedule is open", () => {
    expect(seen("2026-11-30T12:00:00Z", {})).toEqual(["open", null]);
  });

  test("opens at its time", () => {
    const schedule = { notBefore: "2026-12-01T08:00:00Z" };
    expect(seen("2026-11-30T12:00:00Z", schedule)).toEqual(["2026-12-01T08:00:00.000Z", null]);
    expect(seen("2026-12-01T08:00:00Z", schedule)).toEqual(["open", null]);
  });

  test.each([
    ["2026-11-30T12:00:00Z", "2026-11-30T21:00:00.000Z", "2026-12-01T05:00:00.000Z"],
    ["2026-11-30T21:00:00Z", "open", "2026-12-01T05:00:00.000Z"],
    ["2026-12-01T01:00:00Z", "open", "2026-12-01T05:00:00.000Z"],
    ["2026-12-01T04:59:59Z", "open", "2026-12-01T05:00:00.000Z"],
    ["2026-12-01T05:00:00Z", "2026-12-01T21:00:00.000Z", "2026-12-02T05:00:00.000Z"],
  ])("with a window past midnight, at %s: %s to %s", (at, opensAt, closesAt) => {
    expect(seen(at, { window: night })).toEqual([opensAt, closesAt]);
  });

  test("with a window by day is open by day", () => {
    const day = { from: "09:30", to: "17:00" };
    expect(seen("2026-07-01T12:00:00Z", { window: day })).toEqual([
      "open",
      "2026-07-01T15:00:00.000Z",
    ]);
    expect(seen("2026-07-01T16:00:00Z", { window: day })).toEqual([
      "2026-07-02T07:30:00.000Z",
      "2026-07-02T15:00:00.000Z",
    ]);
  });

  test("with a time inside of its window opens at that time, else at the next window", () => {
    expect(
      seen("2026-11-30T12:00:00Z", { notBefore: "2026-12-01T23:30:00Z", window: night }),
    ).toEqual(["2026-12-01T23:30:00.000Z", "2026-12-02T05:00:00.000Z"]);
    expect(
      seen("2026-11-30T12:00:00Z", { notBefore: "2026-12-02T12:00:00Z", window: night }),
    ).toEqual(["2026-12-02T21:00:00.000Z", "2026-12-03T05:00:00.000Z"]);
  });

  test.each([
    // The night in which clocks go from 02:00 to 03:00 has an hour less, the other one an hour more.
    ["2026-03-28T21:30:00Z", night, "open", "2026-03-29T04:00:00.000Z"],
    ["2026-10-24T20:30:00Z", night, "open", "2026-10-25T05:00:00.000Z"],
    // 02:30 does not exist: half an hour after the skip.
    [
      "2026-03-28T12:00:00Z",
      { from: "02:30", to: "05:00" },
      "2026-03-29T01:30:00.000Z",
      "2026-03-29T03:00:00.000Z",
    ],
    // 02:30 comes twice: the first.
    [
      "2026-10-24T12:00:00Z",
      { from: "02:30", to: "05:00" },
      "2026-10-25T00:30:00.000Z",
      "2026-10-25T04:00:00.000Z",
    ],
    ["2026-10-24T23:00:00Z", { from: "22:00", to: "02:30" }, "open", "2026-10-25T00:30:00.000Z"],
  ])("at %s, with the window %j, when clocks change: %s to %s", (at, window, opensAt, closesAt) => {
    expect(seen(at, { window })).toEqual([opensAt, closesAt]);
  });

  test.each([
    ["Pacific/Kiritimati", "2026-11-30T08:30:00Z"],
    ["Pacific/Pago_Pago", "2026-11-30T09:30:00Z"],
    ["Asia/Kathmandu", "2026-11-30T16:30:00Z"],
    ["Australia/Lord_Howe", "2026-11-30T11:30:00Z"],
  ])("in %s is open at %s", (timeZone, at) => {
    expect(seen(at, { window: night }, timeZone)[0]).toBe("open");
  });

  test("is open exactly inside of its window, whenever it is asked in a year", () => {
    const window = { from: "22:00", to: "06:00" };
    const clock = new Intl.DateTimeFormat("en-u-hc-h23", { timeZone: berlin, hour: "numeric" });
    for (let at = Date.UTC(2026, 0, 1); at < Date.UTC(2027, 0, 1); at += 47 * 60_000) {
      const hour = Number(clock.format(at));
      const { opensAt, closesAt } = openingOf({ notBefore: null, window }, new Date(at), berlin);
      expect([at, opensAt === null]).toEqual([at, hour >= 22 || hour < 6]);
      expect(closesAt!.getTime()).toBeGreaterThan(at);
    }
  });
});

test("the reason to wait names the time on the owner's clock", () => {
  const at = new Date("2026-12-01T21:00:00Z");
  expect(closedMessage({ notBefore: at, window: null }, at, berlin)).toBe(
    "Not to start before 2026-12-01 22:00 (Europe/Berlin).",
  );
  expect(closedMessage({ notBefore: null, window: night }, at, berlin)).toBe(
    "Not to start before 2026-12-01 22:00 (Europe/Berlin), for its window from 22:00 to 06:00.",
  );
});
