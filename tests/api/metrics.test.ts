import { afterAll, beforeAll, expect, test } from "bun:test";
import { countFailedCalls, createMetrics } from "#api/metrics";
import { createTestApi } from "#tests/support/api";
import { startApiProcess } from "#tests/support/api-process";
import { formOf, pngOfShade } from "#tests/support/uploads";
import { until } from "#tests/support/wait";

const token = "a-token-of-the-owner";
const authorization = `Bearer ${token}`;
let api: Awaited<ReturnType<typeof startApiProcess>>;
beforeAll(async () => {
  api = await startApiProcess({ API_TOKEN: token, TRUSTED_PROXIES: "192.0.2.1" });
}, 60_000);
afterAll(() => api.stop());

async function metrics(): Promise<string> {
  const answer = await fetch(`${api.url}/metrics`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
  return answer.text();
}

/** The value of a sample; its labels must be in the order in which they were defined. */
const valueOf = (text: string, sample: string) =>
  Number(
    text
      .split("\n")
      .find((line) => line.startsWith(`${sample} `))
      ?.split(" ")[1],
  );

test("requests are counted by route pattern and status, with their durations", async () => {
  for (const path of ["/api/v1/albums", "/api/v1/albums", "/api/v1/photos/nothing", "/nowhere"]) {
    await fetch(`${api.url}${path}`, { headers: { authorization } });
  }
  const text = await metrics();
  const counted = (route: string, status: number) =>
    valueOf(
      text,
      `gallery_http_request_duration_seconds_count{method="GET",route="${route}",status="${status}"}`,
    );
  expect(counted("/api/v1/albums", 200)).toBe(2);
  expect(counted("/api/v1/photos/:id", 404)).toBe(1);
  expect(counted("none", 404)).toBe(1);
  expect(text).toContain('_bucket{le="0.1",method="GET",route="/api/v1/albums"');
});

test("uploads are counted by outcome, with their bytes", async () => {
  const bytes = await pngOfShade(51_001);
  const send = (content: Uint8Array) =>
    fetch(`${api.url}/api/v1/photos`, {
      method: "POST",
      headers: { authorization },
      body: formOf([{ bytes: content }]),
    });
  await send(bytes);
  await send(bytes);
  await send(Buffer.from("no picture"));
  const text = await metrics();
  for (const outcome of ["created", "duplicate", "rejected"]) {
    expect(valueOf(text, `gallery_uploads_total{outcome="${outcome}"}`)).toBe(1);
  }
  expect(valueOf(text, "gallery_upload_bytes_total")).toBe(2 * bytes.byteLength + 10);
});

test("failed calls of the workflow service are counted by name", async () => {
  // Nothing listens at this address.
  await fetch(`${api.url}/api/v1/generation/sessions`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json" },
    body: JSON.stringify({ entry_type: "scratch" }),
  });
  await until(
    "a counted call",
    async () =>
      valueOf(await metrics(), 'gallery_workflow_client_errors_total{call="sessionOpened"}') === 1,
  );
});

test("a call that throws is counted, and its error is rethrown", async () => {
  const counted = createMetrics();
  const { temporal, close } = await createTestApi();
  const client = countFailedCalls(
    { ...temporal, refreshModels: () => Promise.reject(new Error("away")) },
    counted,
  );
  const fault = await client.refreshModels().catch((error: Error) => error.message);
  expect(fault).toBe("away");
  expect(await client.sessionOpened("one")).toBe(true);
  const text = await counted.registry.metrics();
  expect(valueOf(text, 'gallery_workflow_client_errors_total{call="refreshModels"}')).toBe(1);
  expect(text).not.toContain("sessionOpened");
  await close();
});

test("the connection pool, the event loop and the process have metrics", async () => {
  const text = await metrics();
  expect(valueOf(text, 'gallery_database_connections{state="idle"}')).toBeGreaterThan(0);
  for (const name of ["process_resident_memory_bytes", "nodejs_eventloop_lag_p99_seconds"]) {
    expect(valueOf(text, name)).toBeGreaterThan(0);
  }
});

test("no id, key or address is in any label", async () => {
  const id = crypto.randomUUID();
  const key = "k".repeat(43);
  for (const path of [`/api/v1/photos/${id}`, `/s/${key}`, `/api/v1/share/${key}`, `/${id}`]) {
    await fetch(`${api.url}${path}`, { headers: { authorization } });
    await fetch(`${api.url}${path}`, { method: "PURGE", headers: { authorization } });
  }
  const text = await metrics();
  for (const secret of [id, key, "127.0.0.1", "PURGE", token]) expect(text).not.toContain(secret);
});

test("the metrics need no token from this machine, but do through a proxy", async () => {
  const ask = async (headers: Record<string, string>) =>
    (await fetch(`${api.url}/metrics`, { headers })).status;
  expect(await ask({})).toBe(200);
  for (const header of ["x-forwarded-for", "forwarded", "via"]) {
    expect({ header, status: await ask({ [header]: "127.0.0.1" }) }).toEqual({
      header,
      status: 401,
    });
    expect(await ask({ [header]: "127.0.0.1", authorization })).toBe(200);
  }
  expect(await ask({ host: "evil.example" })).toBe(403);
});
