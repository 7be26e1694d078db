import { expect, test } from "bun:test";
import { expectTurns } from "#db/turn-forecast";

const now = new Date("2026-01-01T12:00:00Z");
const at = (seconds: number) => new Date(now.getTime() + seconds * 1_000);

const shown = (line: (number | null)[], freeAt: Date | null) =>
  [
    ...expectTurns(
      line.map((seconds, index) => ({ stepId: String(index), seconds })),
      { now, freeAt },
    ).values(),
  ].map(({ startInSeconds, completion }) => [startInSeconds, completion]);

test("each waits for who generates and for all before it", () => {
  expect(shown([60, 120, 30], at(40))).toEqual([
    [40, at(100)],
    [100, at(220)],
    [220, at(250)],
  ]);
});

test("behind one of unknown length nothing is expected, nor when it is not known when InvokeAI is free", () => {
  expect(shown([60, null, 30], at(0))).toEqual([
    [0, at(60)],
    [60, null],
  ]);
  expect(shown([60], null)).toEqual([]);
});

test("an end that has passed already counts as now, and moments are rounded up to ten seconds", () => {
  expect(shown([12], at(-300))).toEqual([[0, at(20)]]);
  expect(shown([1, 1], at(3))).toEqual([
    [10, at(10)],
    [10, at(10)],
  ]);
});
