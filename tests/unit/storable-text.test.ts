import { expect, test } from "bun:test";
import { beginningOf, isStorableJson } from "#storable-text";

test("text that Postgres cannot store is found, and an escaped backslash is not taken for it", () => {
  for (const text of ["a\0", "\ud800", "x\udfff", "\\\0"]) {
    expect([text, isStorableJson({ deep: [text] })]).toEqual([text, false]);
  }
  for (const text of ["\\u0000", "😀", "\\ud800", "u0000"]) {
    expect([text, isStorableJson({ [text]: 1 })]).toEqual([text, true]);
  }
});

test("a text is cut before a character that would only half remain", () => {
  expect(beginningOf("a😀b", 2)).toBe("a");
  expect(beginningOf("a😀b", 3)).toBe("a😀");
  expect(beginningOf("short", 10)).toBe("short");
});
