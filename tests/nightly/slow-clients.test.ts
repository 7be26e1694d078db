import { afterAll, beforeAll, test } from "bun:test";
import { startApiProcess } from "#tests/support/api-process";
import { expectSlowConnectionsToBeCut } from "#tests/support/slow-connections";

let api: Awaited<ReturnType<typeof startApiProcess>>;
beforeAll(async () => {
  api = await startApiProcess();
}, 60_000);
afterAll(() => api.stop());

test("two hundred slow connections do not block other requests; incomplete headers are cut after 15 s, a stalled body after 30 s", async () => {
  await expectSlowConnectionsToBeCut(api.url, { headersSeconds: 15, bodyStallMs: 30_000 });
}, 120_000);
