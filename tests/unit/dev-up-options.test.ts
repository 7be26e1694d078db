import { expect, test } from "bun:test";
import { Refusal } from "#dev/refusal";
import { parseUpOptions } from "#dev/up-options";

const places = { root: "/project", calledFrom: "/home/owner" };

test("without options the owner's PORT and DATA_DIR count, relative to the project", () => {
  const options = parseUpOptions([], { PORT: "9000", DATA_DIR: "photos" }, places);
  expect(options).toMatchObject({ port: 9000, dataDir: "/project/photos", demo: false });
  expect(parseUpOptions([], {}, places)).toMatchObject({ port: 8000, dataDir: "/project/data" });
});

test("options win, and --data is relative to where the command was typed", () => {
  const args = ["--port", "8001", "--data", "there", "--demo", "--once"];
  expect(parseUpOptions(args, { PORT: "9000", DATA_DIR: "photos" }, places)).toEqual({
    port: 8001,
    dataDir: "/home/owner/there",
    demo: true,
    once: true,
    watch: false,
  });
});

test.each([
  ["a port that is none", ["--port", "80000"]],
  ["a port with letters", ["--port", "http"]],
  ["--once alone", ["--once"]],
  ["an unknown option", ["--prot", "8000"]],
  ["a word without option", ["now"]],
])("%s is refused with words", (_, args) => {
  expect(() => parseUpOptions(args, {}, places)).toThrow(Refusal);
});
