import { expect, test } from "bun:test";
import type { ItemProgress } from "#activities/adapters/invokeai/progress";
import type { BatchItem, ItemStatus } from "#activities/adapters/invokeai/types";
import { createProgressAccount, estimateCompletion } from "#activities/progress-account";

const item = (itemId: number, status: ItemStatus) => ({ itemId, status }) as BatchItem;

const word = (itemId: number, fraction: number, preview: string | null = null): ItemProgress => ({
  itemId,
  fraction,
  phase: "denoising",
  preview,
});

test("images that are done count whole, the one in the making by its share", () => {
  const account = createProgressAccount({ images: 4, before: 0 });
  account.itemsSeen([item(1, "completed"), item(2, "in_progress"), item(3, "pending")]);
  expect(account.itemProgress(word(2, 0.5, "data:x"))).toBe(true);
  expect(account.show()).toEqual({
    made: 1.5,
    progress: 0.375,
    imageProgress: 0.5,
    message: "Image 2 of 4: being drawn.",
    preview: "data:x",
  });
});

test("what is said of the next image before the last one is known to be done takes nothing back", () => {
  const account = createProgressAccount({ images: 2, before: 0 });
  account.itemsSeen([item(1, "in_progress"), item(2, "pending")]);
  account.itemProgress(word(1, 1));
  account.itemProgress(word(2, 0.1));
  expect(account.show()).toMatchObject({ progress: 0.55, imageProgress: 0.1 });
  account.itemsSeen([item(1, "completed"), item(2, "in_progress")]);
  expect(account.show()).toMatchObject({ progress: 0.55, message: "Image 2 of 2: being drawn." });
});

test("a word of an image that is over, and one before the first look, change nothing", () => {
  const account = createProgressAccount({ images: 2, before: 0 });
  expect(account.itemProgress(word(1, 0.4))).toBe(false);
  expect(account.itemsSeen([item(1, "completed"), item(2, "pending")])).toBe(true);
  expect(account.itemProgress(word(1, 0.6))).toBe(false);
  expect(account.show()).toMatchObject({ progress: 0.5, imageProgress: null, preview: null });
  expect(account.itemsSeen([item(1, "completed"), item(2, "pending")])).toBe(false);
});

test("a second batch of a step goes on from the images that there are", () => {
  const account = createProgressAccount({ images: 1, before: 3 });
  account.itemsSeen([item(9, "in_progress")]);
  account.itemProgress(word(9, 0.5));
  expect(account.show()).toMatchObject({
    progress: 0.875,
    message: "Image 4 of 4: being drawn.",
  });
});

test("a failed image is done with, one that InvokeAI cut short is not", () => {
  const account = createProgressAccount({ images: 4, before: 0 });
  account.itemsSeen([item(1, "failed"), item(2, "cancelled"), item(3, "pending")]);
  expect(account.show().progress).toBe(0.25);
});

const now = new Date("2026-01-01T12:01:00Z");
const since = new Date("2026-01-01T12:00:00Z");
const estimate = (made: number, secondsPerImage: number | null) =>
  estimateCompletion({ images: 4, made, secondsPerImage, since, now })?.toISOString();

test("the end is told by what such images took before, else by what the batch took so far", () => {
  expect(estimate(1, 10)).toBe("2026-01-01T12:01:30.000Z");
  expect(estimate(2, null)).toBe("2026-01-01T12:02:00.000Z");
  expect(estimate(4, null)).toBe("2026-01-01T12:01:00.000Z");
  expect(estimate(0.1, null)).toBeUndefined();
  expect(estimate(0, null)).toBeUndefined();
});
