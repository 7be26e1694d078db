import { describe, expect, test } from "bun:test";
import { ActivityFailure, ApplicationFailure, RetryState } from "@temporalio/common";
import {
  endingOf,
  endingOfCancelled,
  failureOf,
  maxAttempts,
  nextAttempt,
  reasonOf,
  sentenceOf,
  summaryOf,
} from "#workflows/generation-step/policy";
import type { Tally } from "#workflows/generation-step/contract";
import { createTurns } from "#workflows/invokeai-backend/turns";
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

  test("nothing is asked for again when no image is missing", () => {
    expect(after({ filled: 3, failed: 1 }, 1).again).toBe(false);
  });

  test("missing images are asked for again after a pause that grows up to 30 s", () => {
    const pauses = [1, 2, 3, 4, 5, 6, 7].map((n) => after({ open: 1 }, n).pauseMs);
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  test("a step that is interrupted again and again is given up", () => {
    expect(after({ open: 1 }, maxAttempts - 1).again).toBe(true);
    expect(after({ open: 1 }, maxAttempts).again).toBe(false);
  });
});

describe("a step's ending", () => {
  test("one image is enough to be completed", () => {
    expect(endingOf(tally({ filled: 1, failed: 3, error: outOfMemory }))).toEqual({
      status: "completed",
    });
  });

  test("without an image it fails with the reason of its slots", () => {
    const ending = endingOf(tally({ failed: 4, error: outOfMemory }));
    expect(ending).toEqual({ status: "failed", error: outOfMemory });
  });

  test("without an image and without a reason it says that it was interrupted, and what to do", () => {
    expect(endingOf(tally({ open: 4 }))).toMatchObject({
      status: "failed",
      error: { code: "invokeai_generation_error", suggestion: expect.stringContaining("retry") },
    });
  });

  test("a cancel that finds every image there comes too late", () => {
    expect(endingOfCancelled(tally({ filled: 4 })).status).toBe("completed");
    expect(endingOfCancelled(tally({ filled: 3, open: 1 })).status).toBe("cancelled");
    expect(endingOfCancelled(tally({ filled: 3, failed: 1 })).status).toBe("cancelled");
    expect(endingOfCancelled(tally()).status).toBe("cancelled");
  });

  test("the last sentence counts what is missing", () => {
    expect(summaryOf(tally({ filled: 1 }))).toBe("Finished: 1 image.");
    expect(summaryOf(tally({ filled: 2, failed: 1, open: 1 }))).toBe(
      "Finished: 2 images, 2 failed.",
    );
  });
});

describe("why a step failed", () => {
  const activityFailure = (cause: Error) =>
    new ActivityFailure(
      "failed",
      "enqueueBatch",
      "1",
      RetryState.NON_RETRYABLE_FAILURE,
      "w",
      cause,
    );

  test("what an activity gave up with reaches the row unchanged", () => {
    expect(reasonOf(activityFailure(failureOf(outOfMemory)))).toEqual(outOfMemory);
  });

  test("the step's own failure is told as it is", () => {
    expect(reasonOf(failureOf(outOfMemory))).toEqual(outOfMemory);
  });

  test("a fault nobody named shows nothing of itself", () => {
    const secret = ApplicationFailure.create({ message: "postgres://me:secret@db", type: "Error" });
    const reason = reasonOf(activityFailure(secret));
    expect(reason.code).toBe("server_error");
    expect(JSON.stringify(reason)).not.toContain("secret");
  });
});

describe("waiting", () => {
  test("a place in the line is told before the reason; without one the reason stands alone", () => {
    expect(sentenceOf({ place: 2, reason: "Busy." })).toBe("Place 2 in the line. Busy.");
    expect(sentenceOf({ place: 0, reason: "Busy." })).toBe("Busy.");
  });

  test("the pause between two attempts to fetch doubles up to its bound", () => {
    const pauses = [1, 2, 3, 7, 50].map((failures) => retrievalPauseMs(failures, timingsOf({})));
    expect(pauses).toEqual([5_000, 10_000, 20_000, 300_000, 300_000]);
  });

  test("what a starter leaves out of the timings is as by default", () => {
    const defaults = timingsOf({});
    expect(defaults).toMatchObject({ heartbeatMs: 20_000, sessionIdleMs: 2_592_000_000 });
    expect(timingsOf({ timings: { heartbeatMs: 1 } })).toEqual({ ...defaults, heartbeatMs: 1 });
  });
});

describe("turns", () => {
  test("are granted one at a time, in the order of asking", () => {
    const turns = createTurns();
    for (const id of ["a", "b", "c"]) turns.want(id);
    turns.grantNext();
    turns.grantNext();
    expect(turns.holder()).toBe("a");
    turns.done("a");
    turns.grantNext();
    expect(turns.holder()).toBe("b");
    expect(turns.line()).toEqual([[1, "c"]]);
  });

  test("asking again keeps the first place, and the holder's asking no second one", () => {
    const turns = createTurns();
    for (const id of ["a", "b", "a", "b"]) turns.want(id);
    turns.grantNext();
    turns.want("a");
    expect(turns.line()).toEqual([[1, "b"]]);
  });

  test("whoever gives up waiting leaves the line, and the others move up", () => {
    const turns = createTurns();
    for (const id of ["a", "b", "c"]) turns.want(id);
    turns.done("b");
    expect(turns.line()).toEqual([
      [1, "a"],
      [2, "c"],
    ]);
    turns.done("never asked");
    expect(turns.waiting()).toBe(2);
  });

  test("go on where they were in the next run", () => {
    const turns = createTurns();
    for (const id of ["a", "b"]) turns.want(id);
    turns.grantNext();
    const next = createTurns(JSON.parse(JSON.stringify(turns.state())));
    expect(next.holder()).toBe("a");
    expect(next.line()).toEqual([[1, "b"]]);
    expect(next.isIdle()).toBe(false);
  });

  test("are described for a person", () => {
    const turns = createTurns();
    expect(turns.describe("Ready.")).toBe("Ready. Nobody generates; 0 steps waiting.");
    for (const id of ["a", "b"]) turns.want(id);
    turns.grantNext();
    expect(turns.describe("Ready.")).toBe("Ready. `a` generates; 1 step waiting.");
  });
});
