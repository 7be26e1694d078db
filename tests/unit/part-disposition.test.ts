import { describe, expect, test } from "bun:test";
import { readDisposition } from "#api/http/bodies/part-disposition";
import { processorMs } from "#tests/support/processor-time";

const filenameOf = (rest: string) => readDisposition(`form-data; name="file"; ${rest}`)?.filename;
const base64 = (text: string) => Buffer.from(text).toString("base64");

describe("the file name of a form part is decoded as its sender encoded it", () => {
  test.each([
    ['filename="plain.png"', "plain.png"],
    ["filename=bare.png", "bare.png"],
    ['FileName = "spaced.png" ', "spaced.png"],
    ['filename="a \\"b\\" \\\\ c.png"', 'a "b" \\ c.png'],
    ['filename="a %22b%22%0d%0A.png"', 'a "b"\r\n.png'],
    ['filename="C:\\photos\\x.png"', "C:\\photos\\x.png"],
    ['filename="100%25.png"', "100%25.png"],
    ['filename="semi;colon=x.png"', "semi;colon=x.png"],
    ['filename="grüße 日本.png"', "grüße 日本.png"],
    ['filename=""', ""],
    ["filename*=UTF-8''gr%C3%BC%C3%9Fe%20%E6%97%A5.png", "grüße 日.png"],
    ["filename*=utf-8'de'na%C3%AFve.png", "naïve.png"],
    ["filename*=ISO-8859-1''caf%E9.png", "café.png"],
    [`filename="fallback.png"; filename*=UTF-8''%C3%A9.png`, "é.png"],
    [`filename*=UTF-8''%C3%A9.png; filename="fallback.png"`, "é.png"],
    [`filename="fallback.png"; filename*=UTF-8''%C3.png`, "fallback.png"],
    [`filename="fallback.png"; filename*=UTF-8''100%.png`, "fallback.png"],
    [`filename="fallback.png"; filename*=x-none''a.png`, "fallback.png"],
    ['filename="fallback.png"; filename*=broken', "fallback.png"],
    [`filename*="UTF-8''quoted%20too.png"`, "quoted too.png"],
    ['filename="=?UTF-8?Q?caf=C3=A9_noir.png?="', "café noir.png"],
    ['filename="=?iso-8859-1?q?caf=E9.png?="', "café.png"],
    [`filename="=?utf-8?B?${base64("日本.png")}?="`, "日本.png"],
    ['filename="=?UTF-8?Q?caf=C3?= =?UTF-8?Q?=A9.png?="', "café.png"],
    [`filename="=?ISO-8859-1?Q?=E9?= =?UTF-8?B?${base64("日")}?=.png"`, "é日.png"],
    ['filename="=?x-none?Q?a?=.png"', "=?x-none?Q?a?=.png"],
    ['filename="=?UTF-8?Q?=FF?=.png"', "=?UTF-8?Q?=FF?=.png"],
  ])("%s is %p", (rest, filename) => expect(filenameOf(rest)).toBe(filename));
});

test("text inside a file name is not a parameter", () => {
  expect(readDisposition('form-data; filename="x; name=\\"title\\".png"; name="file"')).toEqual({
    name: "file",
    filename: 'x; name="title".png',
  });
  expect(readDisposition('form-data; filename="; name=title; x=.png"; name=file')).toEqual({
    name: "file",
    filename: "; name=title; x=.png",
  });
});

test("a field has no file name, and its name is unescaped", () => {
  expect(readDisposition('form-data; name="a %22b%22"')).toEqual({
    name: 'a "b"',
    filename: undefined,
  });
});

test.each([
  ["attachment; name=file"],
  ["form-data"],
  ['form-data; filename="a.png"'],
  ['form-data; name="file'],
  ['form-data; name="file" filename="a.png"'],
  [""],
])("%p names no part", (header) => expect(readDisposition(header)).toBeUndefined());

test("a long header without an end is read in linear time", async () => {
  const spentMs = await processorMs(() => {
    for (const piece of ["\\", "=?a?q?", "; x=", '; x="\\"', "=?a?q?b?= "]) {
      readDisposition(`form-data; name=file; filename="${piece.repeat(16_384 / piece.length)}"`);
      readDisposition(`form-data; name=file; filename="${piece.repeat(16_384 / piece.length)}`);
    }
  });
  expect(spentMs).toBeLessThan(5_000);
});
