import { afterAll, beforeAll, expect, test } from "bun:test";
import { CancelledFailure } from "@temporalio/common";
import { MockActivityEnvironment } from "@temporalio/testing";
import { DefaultLogger } from "@temporalio/worker";
import { createInvokeAiClient } from "#activities/adapters/invokeai/client";
import { noteProgress, pause, withHeartbeat } from "#activities/heartbeat";
import { createConcurrencyLimit } from "#activities/retrieval/concurrency-limit";
import { type Simulator, startSimulator } from "#simulators/invokeai/start";
import { until } from "#tests/support/wait";

const silenceMs = 150;
const quiet = { logger: new DefaultLogger("ERROR") };

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
afterAll(() => simulator.stop());

/** Runs `work` as an activity and counts its heartbeats. */
function start<T>(work: (signal: AbortSignal) => Promise<T>, silence = silenceMs) {
  const environment = new MockActivityEnvironment({}, quiet);
  let beats = 0;
  environment.on("heartbeat", () => (beats += 1));
  const ending = environment
    .run(() => withHeartbeat(work, silence))
    .catch((error: unknown) => error);
  return { ending, beats: () => beats, cancel: () => environment.cancel() };
}

const never = () => new Promise<never>(() => {});

test("work that hangs in one await stops sending heartbeats and fails with a retryable error", async () => {
  let reason: unknown;
  const { ending, beats } = start((signal) => {
    signal.addEventListener("abort", () => (reason = signal.reason));
    return never();
  });
  const failure = await ending;
  expect(failure).toMatchObject({ type: "activity_stalled", nonRetryable: false });
  expect(reason).toBe(failure);
  const before = beats();
  await Bun.sleep(2 * silenceMs);
  expect(beats()).toBe(before);
});

test("work that polls runs for any time", async () => {
  // A busy machine may delay a poll by a second.
  const silence = 2_000;
  const { ending } = start(async (signal) => {
    for (let polls = 0; polls < 4; polls += 1) await pause(silence / 2.5, signal);
    return "done";
  }, silence);
  expect(await ending).toBe("done");
});

test("a wait with its own time-out may take all of it, and no more", async () => {
  const within = start(async () => {
    noteProgress(5 * silenceMs);
    await Bun.sleep(3 * silenceMs);
    return "done";
  });
  expect(await within.ending).toBe("done");
  const beyond = start(() => {
    noteProgress(2 * silenceMs);
    return never();
  });
  expect(await beyond.ending).toMatchObject({ type: "activity_stalled" });
});

test("an answer of InvokeAI is waited for as long as its own time-outs allow", async () => {
  const client = createInvokeAiClient({
    baseUrl: simulator.url,
    connectionTimeoutMs: 5_000,
    readTimeoutMs: 5_000,
    onWait: noteProgress,
  });
  await simulator.control.addFault({ kind: "request_held", route: "any" });
  const { ending } = start((signal) => client.getVersion(signal));
  await simulator.control.until((state) => state.held.length === 1);
  await Bun.sleep(3 * silenceMs);
  await simulator.control.clearFaults();
  expect(await ending).toBeString();
});

test("waiting for a slot does not count as a hang", async () => {
  const gate = createConcurrencyLimit(async () => 1);
  const free = Promise.withResolvers<void>();
  const holder = gate(new AbortController().signal, () => free.promise);
  let isIn = false;
  const waiter = start((signal) =>
    gate(signal, async () => {
      isIn = true;
    }),
  );
  await Bun.sleep(4 * silenceMs);
  expect(isIn).toBe(false);
  free.resolve();
  await holder;
  await until("the waiter", async () => isIn);
  expect(await waiter.ending).toBeUndefined();
});

test("work that hangs in a gate ends although other work of its activity waits behind it, which then runs", async () => {
  const gate = createConcurrencyLimit(async () => 1, silenceMs);
  const { ending } = start(async (signal) =>
    Promise.allSettled([gate(signal, never), gate(signal, async () => "in")]),
  );
  expect(await ending).toMatchObject([
    { status: "rejected", reason: { type: "activity_stalled" } },
    { status: "fulfilled", value: "in" },
  ]);
});

test("a cancel ends work that waits", async () => {
  const { ending, cancel } = start((signal) => pause(60_000, signal));
  cancel();
  expect(await ending).toBeInstanceOf(CancelledFailure);
});
