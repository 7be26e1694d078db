import { afterEach, expect, test } from "bun:test";
import { createGalleryClient } from "#tests/support/gallery";
import { required } from "#tests/support/environment";
import { startStack } from "#tests/support/stack";
import { startTcpProxy } from "#tests/support/tcp-proxy";
import { until } from "#tests/support/wait";

const open: { stop(): Promise<unknown> }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.stop();
}, 60_000);

test("the library of workflows is there within seconds, although InvokeAI could not list its nodes at first", async () => {
  const stack = await startStack();
  open.push(stack);
  const { control } = stack.invokeai;
  // More often than it is read at the start: by the backend's run, by the worker, and when the socket is connected.
  const fault = await control.addFault({ kind: "status_500_json", route: "openapi", times: 4 });
  const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
  const gallery = createGalleryClient(api.url);
  await gallery.firstModel();
  await until("the library", async () => (await gallery.get("/recipes/library")).total > 0);
  expect(await control.struck(fault)).toBe(4);
}, 90_000);

test("a worker prepares its work, although each call of a busy Temporal takes a second", async () => {
  const [host, port] = required("TEST_TEMPORAL_ADDRESS").split(":");
  const proxy = await startTcpProxy({ host: host!, port: Number(port) }, { answerDelayMs: 1_000 });
  open.push(proxy);
  const stack = await startStack({
    temporalAddress: `127.0.0.1:${proxy.port}`,
    // Not by the schedule, which would make up for it.
    timings: { reconcileEveryMs: 600_000 },
  });
  open.push(stack);
  const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
  const gallery = createGalleryClient(api.url);
  const isRead = async () => (await gallery.get("/models?base=sd-1")).total > 0;
  await until("models", isRead, 60_000);
}, 120_000);
