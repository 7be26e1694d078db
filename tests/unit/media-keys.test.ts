import { describe, expect, test } from "bun:test";
import {
  copyPlanKey,
  originalKey,
  parseKey,
  previewKey,
  sharedCopyKey,
  thumbnailKey,
} from "#media/storage/keys";

const id = "019a7c2e-4f10-7abc-8def-0123456789ab";

describe("storage keys", () => {
  test("are distributed by the end of the id, because ids created at the same time begin alike", () => {
    expect(originalKey({ kind: "uploaded", id, mimeType: "image/jpeg" })).toBe(
      `photos/uploaded/ab/${id}.jpg`,
    );
    expect(thumbnailKey(id)).toBe(`photos/thumbnails/ab/${id}.webp`);
    expect(previewKey(id.toUpperCase())).toBe(`photos/thumbnails/ab/${id}.preview.webp`);
  });

  test("are parsed back into their parts", () => {
    const original = originalKey({ kind: "generated", id, mimeType: "image/png" });
    expect(parseKey(original)).toEqual({ part: "original", kind: "generated", id });
    expect(parseKey(thumbnailKey(id))).toEqual({ part: "thumbnail", id });
    expect(parseKey(previewKey(id))).toEqual({ part: "preview", id });
    expect(parseKey(sharedCopyKey({ id, mimeType: "image/avif" }))).toEqual({
      part: "shared-copy",
      id,
    });
    expect(parseKey(copyPlanKey(id, "strip"))).toEqual({ part: "copy-plan", id });
    expect(parseKey(copyPlanKey(id, "stamp"))).toEqual({ part: "copy-plan", id });
    expect(parseKey("photos/uploaded/.incoming/x.part")).toEqual({ part: "incoming" });
  });

  test.each([
    "photos/uploaded/.gitkeep",
    `photos/uploaded/ac/${id}.jpg`,
    `photos/uploaded/ab/${id}`,
    `photos/elsewhere/ab/${id}.jpg`,
    `photos/thumbnails/ab/${id}.jpg`,
    "photos/uploaded/ab/------------------------------------.jpg",
  ])("%s is not a photo's key", (key) => {
    expect(parseKey(key)).toBeUndefined();
  });

  test("contain only ids and stored types, never a path", () => {
    expect(() => thumbnailKey("../../../../etc/passwd-padding-123456")).toThrow("not a photo id");
    expect(() => originalKey({ kind: "uploaded", id, mimeType: "text/html" })).toThrow(
      "not a stored type",
    );
  });
});
