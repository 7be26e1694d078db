import { afterAll, test } from "bun:test";
import { createInvokeAiClient } from "#activities/adapters/invokeai/client";
import { startSimulator } from "#simulators/invokeai/start";
import { createInvokeAiPage, nextDrawing } from "#tests/support/invokeai-page";
import { until } from "#tests/support/wait";

const simulator = await startSimulator();
afterAll(() => simulator.stop());

test("InvokeAI announces each picture that its page makes, and a connection that was cut is made again", async () => {
  const timeouts = { connectionTimeoutMs: 1_000, readTimeoutMs: 1_000 };
  const client = createInvokeAiClient({ baseUrl: simulator.url, ...timeouts });
  const page = createInvokeAiPage(simulator.url);
  const end = new AbortController();
  let announced = 0;
  client.subscribeSavedImages({ onImage: () => void (announced += 1), signal: end.signal });
  await until("the connection", () => announced === 1);
  await page.draw([nextDrawing()]);
  await until("the picture", () => announced === 2);
  await simulator.control.dropSockets();
  await until("the next connection", () => announced === 3);
  end.abort();
});
