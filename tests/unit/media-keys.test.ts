import { describe, expect, test } from "bun:test";
import { originalKey, parseKey, previewKey, sharedCopyKey, thumbnailKey } from "#media/keys";

const id = "019a7c2e-4f10-7abc-8def-0123456789ab";

describe("storage keys", () => {
  test("fan out by the end of the id, which differs where ids made at one time begin alike", () => {
    expect(originalKey({ kind: "uploaded", id, mimeType: "image/jpeg" })).toBe(
      `photos/uploaded/ab/${id}.jpg`,
    );
    expect(thumbnailKey(id)).toBe(`photos/thumbnails/ab/${id}.webp`);
    expect(previewKey(id.toUpperCase())).toBe(`photos/thumbnails/ab/${id}.preview.webp`);
  });

  test("are read back into what they were made from", () => {
    const original = originalKey({ kind: "generated", id, mimeType: "image/png" });
    expect(parseKey(original)).toEqual({ part: "original", kind: "generated", id });
    expect(parseKey(thumbnailKey(id))).toEqual({ part: "thumbnail", id });
    expect(parseKey(previewKey(id))).toEqual({ part: "preview", id });
    expect(parseKey(sharedCopyKey({ id, mimeType: "image/avif" }))).toEqual({
      part: "shared-copy",
      id,
    });
    expect(parseKey("photos/uploaded/.incoming/x.part")).toEqual({ part: "incoming" });
  });

  test.each([
    "photos/uploaded/.gitkeep",
    `photos/uploaded/ac/${id}.jpg`,
    `photos/uploaded/ab/${id}`,
    `photos/elsewhere/ab/${id}.jpg`,
    `photos/thumbnails/ab/${id}.jpg`,
    "photos/uploaded/ab/------------------------------------.jpg",
  ])("%s belongs to no photo", (key) => {
    expect(parseKey(key)).toBeUndefined();
  });

  test("are made of ids and stored types only, never of a path", () => {
    expect(() => thumbnailKey("../../../../etc/passwd-padding-123456")).toThrow("not a photo id");
    expect(() => originalKey({ kind: "uploaded", id, mimeType: "text/html" })).toThrow(
      "not a stored type",
    );
  });
});
