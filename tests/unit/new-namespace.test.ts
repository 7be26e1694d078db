import { expect, test } from "bun:test";
import type { Connection } from "@temporalio/client";
import { retryUntilReady } from "#activities/worker/namespace";

const connection = {
  withDeadline: <T>(_deadline: number | Date, call: () => Promise<T>) => call(),
} as unknown as Connection;

test("a call that a service refuses, because it does not know a new namespace yet, is repeated", async () => {
  let calls = 0;
  await retryUntilReady(connection, async () => {
    calls += 1;
    if (calls < 3) throw new Error("Namespace gallery-1 is not found.");
  });
  expect(calls).toBe(3);
});
