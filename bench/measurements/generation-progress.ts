import { io } from "socket.io-client";
import {
  createProgressReader,
  type InvocationEvent,
} from "#activities/adapters/invokeai/progress-reader";
import { createApiClient } from "#stack/demo/client";
import { chooseModel } from "#stack/demo/steps";
import { createSimulatorControl } from "#simulators/invokeai/control-client";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

const batchSize = 8;
const denoisingSteps = 30;
/** A fast GPU, and a slow one with a pause between changes. */
const stepDelays = [70, 300] as const;
const aimMs = 250;

type TimedEvent = {
  at: number;
  name: InvocationEvent;
  payload: { item_id: number; batch_id: string };
};
type Shown = { at: number; progress: number };

/**
 * Latency from an event on InvokeAI's socket to the client of an event stream: from each event that advances a batch
 * to the first `step.progress` with at least that progress. Events that are merged, because changes are sent 200 ms
 * apart, count with their full delay.
 */
export async function measureProgress(stack: BenchStack): Promise<Row[]> {
  const api = createApiClient(stack.url, {});
  const model = await chooseModel(api);
  const control = createSimulatorControl(stack.simulatorUrl);
  const rows: Row[] = [];
  for (const stepDelayMs of stepDelays) {
    await control.setStepDelay(stepDelayMs);
    const latencies = await timeEvents(stack, () => runStep(api, model.key));
    const what = `InvokeAI's socket → client of the event stream, a step each ${stepDelayMs} ms`;
    rows.push({ what: `${what}, p50`, ours: share(latencies, 0.5), unit: "ms" });
    const p95 = share(latencies, 0.95);
    rows.push({ what: `${what}, p95`, ours: p95, unit: "ms", aim: { atMost: aimMs } });
  }
  await control.setStepDelay(0);
  return rows;
}

async function runStep(
  api: ReturnType<typeof createApiClient>,
  modelKey: string,
): Promise<{ batchId: string }> {
  const session = await api.call<{ id: string }>("POST", "/generation/sessions", {
    entry_type: "scratch",
  });
  const { id } = await api.call<{ id: string }>(
    "POST",
    `/generation/sessions/${session.id}/steps`,
    {
      prompt: "hills by the sea",
      parameters: { model_key: modelKey, batch_size: batchSize, steps: denoisingSteps },
    },
  );
  for (;;) {
    const step = await api.call<{ status: string; batch_id?: string }>(
      "GET",
      `/generation/steps/${id}`,
    );
    if (step.status === "completed" && step.batch_id !== undefined) {
      return { batchId: step.batch_id };
    }
    if (step.status === "failed" || step.status === "cancelled") {
      throw new Error(`a step ended as ${step.status}`);
    }
    await Bun.sleep(200);
  }
}

/** Listens on both ends while a step runs; returns the delay of each event in ms. */
async function timeEvents(
  stack: BenchStack,
  run: () => Promise<{ batchId: string }>,
): Promise<number[]> {
  const events: TimedEvent[] = [];
  const socket = io(stack.simulatorUrl, { path: "/ws/socket.io", transports: ["websocket"] });
  for (const name of [
    "invocation_started",
    "invocation_progress",
    "invocation_complete",
  ] as const) {
    socket.on(name, (payload: TimedEvent["payload"]) =>
      events.push({ at: performance.now(), name, payload }),
    );
  }
  await new Promise<void>((resolve) => {
    socket.on("connect", () => {
      socket.emit("subscribe_queue", { queue_id: "default" });
      resolve();
    });
  });
  const client = await openStream(`${stack.url}/api/v1/events`);
  try {
    const { batchId } = await run();
    return delays(advancesOf(events, batchId), client.seen);
  } finally {
    socket.disconnect();
    client.close();
  }
}

/** The events that advance a batch, with its progress then. */
function advancesOf(events: readonly TimedEvent[], batchId: string): Shown[] {
  const reader = createProgressReader(batchId);
  const order = [
    ...new Set(events.filter((w) => w.payload.batch_id === batchId).map((w) => w.payload.item_id)),
  ].toSorted((a, b) => a - b);
  return events.flatMap(({ at, name, payload }) => {
    const item = reader.takeInvocation(name, payload);
    return item ? [{ at, progress: (order.indexOf(item.itemId) + item.fraction) / batchSize }] : [];
  });
}

/** An event that was never shown counts as infinite. */
function delays(advances: readonly Shown[], shown: readonly Shown[]): number[] {
  // The column has single precision.
  const isReached = (move: Shown) => (seen: Shown) => seen.progress >= move.progress - 1e-4;
  return advances.map((move) =>
    Math.max(0, (shown.find(isReached(move))?.at ?? Infinity) - move.at),
  );
}

async function openStream(url: string): Promise<{ seen: Shown[]; close: () => void }> {
  const gone = new AbortController();
  const response = await fetch(url, { signal: gone.signal });
  if (!response.ok || response.body === null)
    throw new Error(`no event stream: ${response.status}`);
  const seen: Shown[] = [];
  void readFrames(response.body, (frame) => {
    const data = /^event: step\.progress\ndata: (.*)$/m.exec(frame)?.[1];
    if (data === undefined) return;
    const { progress } = JSON.parse(data) as { progress: number };
    seen.push({ at: performance.now(), progress });
  }).catch((error: unknown) => {
    if (!gone.signal.aborted) throw error;
  });
  return { seen, close: () => gone.abort() };
}

async function readFrames(
  body: ReadableStream<Uint8Array>,
  take: (frame: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const frames = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = frames.pop()!;
    for (const frame of frames) take(frame);
  }
}

function share(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * part)] ?? Infinity;
}
