import { expect, test } from "bun:test";
import { expectTurns } from "#db/queries/line/turn-forecast";

const now = new Date("2026-01-01T12:00:00Z");
const at = (seconds: number) => new Date(now.getTime() + seconds * 1_000);

const forecast = (line: (number | null)[], freeAt: Date | null) =>
  [
    ...expectTurns(
      line.map((seconds, index) => ({ stepId: String(index), seconds })),
      { now, freeAt },
    ).values(),
  ].map(({ startInSeconds, completion }) => [startInSeconds, completion]);

test("each step waits for the generating step and for all before it", () => {
  expect(forecast([60, 120, 30], at(40))).toEqual([
    [40, at(100)],
    [100, at(220)],
    [220, at(250)],
  ]);
});

test("there is no forecast behind a step of unknown duration, nor without an estimate of when InvokeAI is free", () => {
  expect(forecast([60, null, 30], at(0))).toEqual([
    [0, at(60)],
    [60, null],
  ]);
  expect(forecast([60], null)).toEqual([]);
});

test("an end in the past counts as now, and times are rounded up to ten seconds", () => {
  expect(forecast([12], at(-300))).toEqual([[0, at(20)]]);
  expect(forecast([1, 1], at(3))).toEqual([
    [10, at(10)],
    [10, at(10)],
  ]);
});
