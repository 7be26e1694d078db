import { describe, expect, test } from "bun:test";
import { ActivityFailure, ApplicationFailure, RetryState } from "@temporalio/common";
import {
  endingOf,
  endingOfCancelled,
  failureOf,
  maxAttempts,
  nextAttempt,
  reasonOf,
  summaryOf,
} from "#workflows/generation-step/policy";
import type { Tally } from "#workflows/generation-step/contract";
import { describeLine } from "#workflows/invokeai-backend/policy";
import { pauseAfter } from "#workflows/model-install/policy";
import { reasonOf as reasonToWait, waitMessage } from "#workflows/turn/contract";
import { retrievalPauseMs } from "#workflows/photo-retrieval/policy";
import { timingsOf } from "#workflows/timings";

const tally = (overrides: Partial<Tally> = {}): Tally => ({
  filled: 0,
  failed: 0,
  open: 0,
  error: null,
  ...overrides,
});

const outOfMemory = {
  code: "invokeai_generation_error",
  message: "No memory.",
  suggestion: "Less.",
};

describe("a step's next attempt", () => {
  const after = (seen: Partial<Tally>, attempts: number) =>
    nextAttempt(tally(seen), attempts, timingsOf({}));

  test("is not made when no image is missing", () => {
    expect(after({ filled: 3, failed: 1 }, 1).again).toBe(false);
  });

  test("comes after a pause that grows up to 30 s", () => {
    const pauses = [1, 2, 3, 4, 5, 6, 7].map((n) => after({ open: 1 }, n).pauseMs);
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  test("is not made after the last of the allowed attempts", () => {
    expect(after({ open: 1 }, maxAttempts - 1).again).toBe(true);
    expect(after({ open: 1 }, maxAttempts).again).toBe(false);
  });
});

describe("an ended step", () => {
  test("is completed with one image", () => {
    expect(endingOf(tally({ filled: 1, failed: 3, error: outOfMemory }))).toEqual({
      status: "completed",
    });
  });

  test("without images is failed, with the error of its slots", () => {
    const ending = endingOf(tally({ failed: 4, error: outOfMemory }));
    expect(ending).toEqual({ status: "failed", error: outOfMemory });
  });

  test("without images and without an error says that it was interrupted, and what to do", () => {
    expect(endingOf(tally({ open: 4 }))).toMatchObject({
      status: "failed",
      error: { code: "invokeai_generation_error", suggestion: expect.stringContaining("retry") },
    });
  });

  test("after a cancel is completed when every image exists already", () => {
    expect(endingOfCancelled(tally({ filled: 4 })).status).toBe("completed");
    expect(endingOfCancelled(tally({ filled: 3, open: 1 })).status).toBe("cancelled");
    expect(endingOfCancelled(tally({ filled: 3, failed: 1 })).status).toBe("cancelled");
    expect(endingOfCancelled(tally()).status).toBe("cancelled");
  });

  test("has a summary that counts images and failures", () => {
    expect(summaryOf(tally({ filled: 1 }))).toBe("Finished: 1 image.");
    expect(summaryOf(tally({ filled: 2, failed: 1, open: 1 }))).toBe(
      "Finished: 2 images, 2 failed.",
    );
  });
});

describe("the error of a failed step", () => {
  const activityFailure = (cause: Error) =>
    new ActivityFailure(
      "failed",
      "enqueueBatch",
      "1",
      RetryState.NON_RETRYABLE_FAILURE,
      "w",
      cause,
    );

  test("is the error of its activity, unchanged", () => {
    expect(reasonOf(activityFailure(failureOf(outOfMemory)))).toEqual(outOfMemory);
  });

  test("is the workflow's own failure, unchanged", () => {
    expect(reasonOf(failureOf(outOfMemory))).toEqual(outOfMemory);
  });

  test("reveals nothing of an unexpected error", () => {
    const secret = ApplicationFailure.create({ message: "postgres://me:secret@db", type: "Error" });
    const reason = reasonOf(activityFailure(secret));
    expect(reason.code).toBe("server_error");
    expect(JSON.stringify(reason)).not.toContain("secret");
  });
});

describe("a wait", () => {
  test("names the position in the line before the reason", () => {
    expect(waitMessage({ position: 2, reason: "Busy.", isIdle: false })).toBe(
      "Position 2 in the line. Busy.",
    );
    expect(waitMessage({ position: null, reason: "No model.", isIdle: false })).toBe("No model.");
  });

  test("gives as reason the model that is lacking, else what blocks the whole line, else that another step generates, else InvokeAI's state", () => {
    const free = { waitReason: null, isHeld: false, apiVersion: "6.14.0", lacks: null };
    const paused = { ...free, waitReason: "InvokeAI is paused; resume its queue there." };
    expect(reasonToWait({ ...paused, lacks: "Meadowlight" })).toStartWith(
      'Waiting for the model "Meadowlight"',
    );
    expect(reasonToWait({ ...paused, isHeld: true })).toBe(paused.waitReason);
    expect(reasonToWait({ ...free, isHeld: true })).toBe("Another step is being generated.");
    expect(reasonToWait(free)).toBe("InvokeAI 6.14.0 is ready.");
    expect(reasonToWait({ ...free, apiVersion: null })).toBe("InvokeAI is being checked.");
  });

  test("between two attempts to fetch an image doubles up to a limit", () => {
    const pauses = [1, 2, 3, 7, 50].map((failures) => retrievalPauseMs(failures, timingsOf({})));
    expect(pauses).toEqual([5_000, 10_000, 20_000, 300_000, 300_000]);
  });

  test("uses the default for each timing that the input omits", () => {
    const defaults = timingsOf({});
    expect(defaults).toMatchObject({ heartbeatMs: 20_000, sessionIdleMs: 2_592_000_000 });
    expect(timingsOf({ timings: { heartbeatMs: 1 } })).toEqual({ ...defaults, heartbeatMs: 1 });
  });
});

test("the details of the backend's run name the holder of the turn and count the waiting steps", () => {
  expect(describeLine({ holder: null, waiting: 0 })).toBe("Nobody generates; 0 steps waiting.");
  expect(describeLine({ holder: "a", waiting: 1 })).toBe("`a` generates; 1 step waiting.");
});

test("an install is looked at soon after it began, then every five seconds", () => {
  const pauses = [1, 2, 3, 4, 5, 6, 100].map((looks) => pauseAfter(looks, timingsOf({})));
  expect(pauses).toEqual([1_000, 1_500, 2_250, 3_375, 5_000, 5_000, 5_000]);
});
