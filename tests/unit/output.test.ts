import { expect, test } from "bun:test";
import { createOutput } from "#output";

/** A disk with this many free bytes. */
function createDisk(free: number) {
  const disk = { free, text: "" };
  const output = createOutput((bytes) => {
    const fits = bytes.subarray(0, disk.free);
    if (fits.length === 0) throw Object.assign(new Error("full"), { code: "ENOSPC" });
    disk.free -= fits.length;
    disk.text += Buffer.from(fits).toString();
    return fits.length;
  });
  return { disk, output };
}

test("lines that do not fit are lost and counted, and their number precedes the next line that fits", () => {
  const { disk, output } = createDisk(8);
  output.write("one\n");
  output.write("two\n");
  output.write("three\nfour\n");
  output.write("five\n");
  expect([disk.text, output.lostLines()]).toEqual(["one\ntwo\n", 3]);
  disk.free = 1_000;
  output.write("six\n");
  output.write("seven\n");
  const [, , notice, ...rest] = disk.text.split("\n");
  expect(JSON.parse(notice ?? "")).toMatchObject({ level: "warn", lost: 3 });
  expect(rest).toEqual(["six", "seven", ""]);
});

test("a truncated line counts as lost, and the next one starts on a new line", () => {
  const { disk, output } = createDisk(6);
  output.write("one\ntwo\n");
  expect([disk.text, output.lostLines()]).toEqual(["one\ntw", 1]);
  disk.free = 1_000;
  output.write("three\n");
  expect(disk.text.split("\n").map((line) => line.slice(0, 8))).toEqual([
    "one",
    "tw",
    '{"level"',
    "three",
    "",
  ]);
});

test("lost lines are counted even when the notice about them does not fit", () => {
  const { disk, output } = createDisk(0);
  output.write("one\n");
  disk.free = 10;
  output.write("two\n");
  disk.free = 1_000;
  output.write("three\n");
  expect(output.lostLines()).toBe(2);
  expect(disk.text).toContain('"lost":2');
  expect(disk.text).toEndWith("three\n");
});
