import { expect, test } from "bun:test";
import { Refusal } from "#stack/refusal";
import { parseUpOptions } from "#stack/up-options";

const places = { root: "/project", calledFrom: "/home/owner" };

test("without options the owner's PORT and DATA_DIR count, relative to the project", () => {
  const options = parseUpOptions([], { PORT: "9000", DATA_DIR: "photos" }, places);
  expect(options).toMatchObject({ port: 9000, dataDir: "/project/photos", demo: false });
  expect(parseUpOptions([], {}, places)).toMatchObject({ port: 8000, dataDir: "/project/data" });
});

test("options take precedence, and --data is relative to the caller's folder", () => {
  const args = ["--port", "8001", "--data", "there", "--demo", "--once"];
  expect(parseUpOptions(args, { PORT: "9000", DATA_DIR: "photos" }, places)).toEqual({
    port: 8001,
    dataDir: "/home/owner/there",
    demo: true,
    remoteDemo: false,
    once: true,
    watch: false,
  });
});

test("the demonstration of rented GPUs never uses the owner's own folder", () => {
  const options = parseUpOptions(["--remote-demo"], { DATA_DIR: "photos" }, places);
  expect(options).toMatchObject({ dataDir: "/project/photos/remote-demo", demo: false });
});

test.each([
  ["a port out of range", ["--port", "80000"]],
  ["a port with letters", ["--port", "http"]],
  ["--once alone", ["--once"]],
  ["two demonstrations at once", ["--demo", "--remote-demo"]],
  ["an unknown option", ["--prot", "8000"]],
  ["a word without option", ["now"]],
])("%s is refused with a message", (_, args) => {
  expect(() => parseUpOptions(args, {}, places)).toThrow(Refusal);
});
