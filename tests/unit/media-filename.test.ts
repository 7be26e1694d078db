import { describe, expect, test } from "bun:test";
import { displayName } from "#media/folders/filename";
import { processorMs } from "#tests/support/processor-time";

describe("a client's file name", () => {
  test.each([
    ["holiday.jpg", "holiday.jpg"],
    ["../../etc/passwd", "passwd"],
    ["C:\\Users\\me\\cat.png", "cat.png"],
    ["/absolute/dog.png", "dog.png"],
    ["a\0b\r\nc.jpg", "abc.jpg"],
    ["invoice\u202egnp.exe", "invoicegnp.exe"],
    ["\u2066x\u2069\ufeff.jpg", "x.jpg"],
    ["cafe\u0301.jpg", "caf\u00e9.jpg"],
    ["photo.jpg. . ", "photo.jpg"],
    ["  photo.jpg", "photo.jpg"],
    ["photo.php.JPG", "photo.php.JPG"],
    ["👩‍👧.png", "👩‍👧.png"],
    ["مرحبا.png", "مرحبا.png"],
    ["half \ud800 pair.png", "half \ufffd pair.png"],
    ["..", "photo"],
    ["dir/", "photo"],
    ["\u202e", "photo"],
    ["", "photo"],
    [undefined, "photo"],
  ])("%j is displayed as %j", (given, shown) => {
    expect(displayName(given, "photo")).toBe(shown);
  });

  test("is cut at 255 bytes between characters, and keeps its extension", () => {
    const name = displayName(`${"ä".repeat(300)}.jpeg`, "photo");
    expect(name).toBe(`${"ä".repeat(125)}.jpeg`);
    expect(Buffer.byteLength(name)).toBe(255);
    expect(displayName("x".repeat(255), "photo")).toBe("x".repeat(255));
    expect(displayName("😀".repeat(100), "photo")).toBe("😀".repeat(63));
    expect(displayName(`a.${"b".repeat(300)}`, "photo")).toBe(`a.${"b".repeat(253)}`);
  });

  test("of a megabyte is cut in linear time", async () => {
    const spentMs = await processorMs(() => {
      expect(displayName("\u202e/ .".repeat(250_000), "photo")).toBe("photo");
      displayName(`${" ".repeat(1_000_000)}x`, "photo");
    });
    expect(spentMs).toBeLessThan(5_000);
  });
});
