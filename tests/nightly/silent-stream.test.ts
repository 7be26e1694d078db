import { afterAll, beforeAll, test } from "bun:test";
import { startApiProcess } from "#tests/support/api-process";
import { expectSilentStreamToLive } from "#tests/support/event-stream";

let api: Awaited<ReturnType<typeof startApiProcess>>;
beforeAll(async () => {
  api = await startApiProcess();
}, 60_000);
afterAll(() => api.stop());

test("an event stream without events stays open for two minutes", async () => {
  await expectSilentStreamToLive(api.url, 121);
}, 180_000);
