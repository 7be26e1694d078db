import { expect, test } from "bun:test";
import type { ItemProgress } from "#activities/adapters/invokeai/progress";
import type { BatchItem, ItemStatus } from "#activities/adapters/invokeai/types";
import { createProgressTracker, estimateCompletion } from "#activities/generation/progress-tracker";

const item = (itemId: number, status: ItemStatus) => ({ itemId, status }) as BatchItem;

const progress = (
  itemId: number,
  fraction: number,
  preview: string | null = null,
): ItemProgress => ({
  itemId,
  fraction,
  phase: "denoising",
  preview,
});

test("finished images count fully, the current one by its fraction", () => {
  const account = createProgressTracker({ images: 4, total: 4 });
  account.itemsSeen([item(1, "completed"), item(2, "in_progress"), item(3, "pending")], 1);
  expect(account.itemProgress(progress(2, 0.5, "data:x"))).toBe(true);
  expect(account.show()).toEqual({
    worked: 1.5,
    progress: 0.375,
    imageProgress: 0.5,
    message: "Image 2 of 4: being drawn.",
    preview: "data:x",
  });
});

test("an event of the next image before the end of the last one never reduces the progress", () => {
  const account = createProgressTracker({ images: 2, total: 2 });
  account.itemsSeen([item(1, "in_progress"), item(2, "pending")], 0);
  account.itemProgress(progress(1, 1));
  account.itemProgress(progress(2, 0.1));
  expect(account.show()).toMatchObject({ progress: 0.55, imageProgress: 0.1 });
  account.itemsSeen([item(1, "completed"), item(2, "in_progress")], 1);
  expect(account.show()).toMatchObject({ progress: 0.55, message: "Image 2 of 2: being drawn." });
});

test("events of finished images, and events before the first poll, change nothing", () => {
  const account = createProgressTracker({ images: 2, total: 2 });
  expect(account.itemProgress(progress(1, 0.4))).toBe(false);
  expect(account.itemsSeen([item(1, "completed"), item(2, "pending")], 1)).toBe(true);
  expect(account.itemProgress(progress(1, 0.6))).toBe(false);
  expect(account.show()).toMatchObject({ progress: 0.5, imageProgress: null, preview: null });
  expect(account.itemsSeen([item(1, "completed"), item(2, "pending")], 1)).toBe(false);
});

test("the progress of a second batch continues from the existing images", () => {
  const account = createProgressTracker({ images: 1, total: 4 });
  account.itemsSeen([item(9, "in_progress")], 3);
  account.itemProgress(progress(9, 0.5));
  expect(account.show()).toMatchObject({
    progress: 0.875,
    message: "Image 4 of 4: being drawn.",
  });
});

test("a failed image counts as work but not as progress; an interrupted one counts as neither", () => {
  const account = createProgressTracker({ images: 4, total: 4 });
  account.itemsSeen([item(1, "failed"), item(2, "cancelled"), item(3, "pending")], 0);
  expect(account.show()).toMatchObject({ progress: 0, worked: 1, message: "Image 2 of 4." });
});

test("items pruned from the queue do not reduce the progress", () => {
  const account = createProgressTracker({ images: 4, total: 4 });
  account.itemsSeen([item(1, "completed"), item(2, "completed"), item(3, "in_progress")], 2);
  account.itemProgress(progress(3, 0.5));
  const before = account.show();
  account.itemsSeen([item(3, "in_progress"), item(4, "pending")], 2);
  expect(account.show()).toEqual(before);
  expect(before).toMatchObject({ progress: 0.625, worked: 2.5 });
});

const now = new Date("2026-01-01T12:01:00Z");
const since = new Date("2026-01-01T12:00:00Z");
const estimate = (worked: number, secondsPerImage: number | null) =>
  estimateCompletion({ images: 4, worked, secondsPerImage, since, now })?.toISOString();

test("the end is estimated from earlier batches of the same kind, else from the batch so far", () => {
  expect(estimate(1, 10)).toBe("2026-01-01T12:01:30.000Z");
  expect(estimate(2, null)).toBe("2026-01-01T12:02:00.000Z");
  expect(estimate(4, null)).toBe("2026-01-01T12:01:00.000Z");
  expect(estimate(0.1, null)).toBeUndefined();
  expect(estimate(0, null)).toBeUndefined();
});
