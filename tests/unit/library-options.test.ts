import { describe, expect, test } from "bun:test";
import { parseLibraryOptions } from "#stack/library/options";
import { Refusal } from "#stack/refusal";

const places = { root: "/gallery", calledFrom: "/owner" };
const parse = (verb: "backup" | "restore" | "storage" | "verify", ...args: string[]) =>
  parseLibraryOptions(verb, args, {}, places).command;

describe("./gallery storage", () => {
  test.each([
    [["status"], { verb: "storage-status" }],
    [["move", "--to", "s3"], { verb: "storage-move", target: "s3" }],
    [["move", "--to=disk"], { verb: "storage-move", target: "disk" }],
    [["cancel"], { verb: "storage-cancel" }],
    [["forget-old"], { verb: "storage-forget-old", keepsFiles: false }],
    [["forget-old", "--keep-files"], { verb: "storage-forget-old", keepsFiles: true }],
  ])("understands %p", (args, command) => {
    expect(parse("storage", ...args)).toEqual(command as ReturnType<typeof parse>);
  });

  test.each([
    [[]],
    [["move"]],
    [["move", "--to", "tape"]],
    [["status", "--to", "s3"]],
    [["move", "--to", "s3", "--keep-files"]],
    [["forget-old", "now"]],
  ])("refuses %p with its usage", (args) => {
    expect(() => parse("storage", ...args)).toThrow("usage: ./gallery storage");
  });
});

describe("a place of backups", () => {
  test("is a folder relative to the owner, or a bucket with a prefix", () => {
    expect(parse("backup", "copies")).toMatchObject({ folder: "/owner/copies" });
    expect(parse("backup", "s3://backups/gallery/")).toMatchObject({
      folder: "s3://backups/gallery",
    });
    expect(parse("verify", "--from", "s3://backups")).toMatchObject({ folder: "s3://backups" });
  });

  test.each([
    "s3:backups",
    "s3://",
    "S3://Backups",
    "s3://backups/a b",
    "s3://backups/../b",
    "s3://KEY:SECRET@host/b",
  ])("%s is refused, with the form that is right", (given) => {
    expect(() => parse("restore", given)).toThrow(Refusal);
    expect(() => parse("restore", given)).toThrow("s3://bucket/prefix");
  });
});
