import { expect, test } from "bun:test";
import { stateOfWatched } from "#activities/imports/watched-state";

const notedAt = new Date(1_000_000);
const noted = { size: 10, modifiedMs: 5.25, notedAt, isSettled: false, outcome: null };
const after = (ms: number) => ({
  size: 10,
  modifiedMs: 5.25,
  now: new Date(notedAt.getTime() + ms),
  patienceMs: 1_000,
});

test("a file is ready only once its size and time have been the same for as long as the patience", () => {
  expect(stateOfWatched(undefined, after(0))).toBe("changed");
  expect(stateOfWatched(noted, after(999))).toBe("waits");
  expect(stateOfWatched(noted, after(1_000))).toBe("ready");
  expect(stateOfWatched(noted, { ...after(5_000), size: 11 })).toBe("changed");
  expect(stateOfWatched(noted, { ...after(5_000), modifiedMs: 5.5 })).toBe("changed");
});

test("a settled file is not taken again until it changes", () => {
  const settled = { ...noted, isSettled: true };
  expect(stateOfWatched({ ...settled, outcome: "imported" }, after(5_000))).toBe("settled");
  expect(stateOfWatched({ ...settled, outcome: "failed" }, after(5_000))).toBe("refused");
  expect(stateOfWatched({ ...settled, outcome: "imported" }, { ...after(0), size: 9 })).toBe(
    "changed",
  );
});
