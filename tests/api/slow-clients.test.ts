import { afterAll, beforeAll, expect, test } from "bun:test";
import { startApiProcess } from "#tests/support/api-process";
import { expectSlowConnectionsToBeCut, openConnection } from "#tests/support/slow-connections";

// The server counts in ticks of four seconds, of which the first may be nearly over.
const limits = { headersSeconds: 8, bodyStallMs: 6_000 };

let api: Awaited<ReturnType<typeof startApiProcess>>;
beforeAll(async () => {
  api = await startApiProcess({ TEST_LIMITS: JSON.stringify(limits) });
}, 60_000);
afterAll(() => api.stop());

test("two hundred slow connections do not delay others; dripping headers and stalled bodies are cut off after their time limits", async () => {
  await expectSlowConnectionsToBeCut(api.url, limits);
}, 90_000);

test("an address above 8 KiB is 400, headers above 16 KiB are 431", async () => {
  const { status } = await fetch(`${api.url}/api/v1/albums?q=${"a".repeat(9_000)}`);
  expect(status).toBe(400);
  const host = `Host: ${new URL(api.url).host}\r\n`;
  const { closed } = await openConnection(
    api.url,
    `GET / HTTP/1.1\r\n${host}X-A: ${"a".repeat(17_000)}\r\n\r\n`,
  );
  expect((await closed).received).toStartWith("HTTP/1.1 431");
});
