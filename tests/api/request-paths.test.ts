import { afterAll, beforeAll, expect, test } from "bun:test";
import { startApiProcess } from "#tests/support/api-process";
import { askRaw, statusOf } from "#tests/support/raw-http";

const key = "k".repeat(43);
const host = "localhost";

let api: Awaited<ReturnType<typeof startApiProcess>>;
beforeAll(async () => {
  api = await startApiProcess();
}, 60_000);
afterAll(() => api.stop());

const ask = (target: string, method = "GET") => askRaw(api.url, { method, target, host });

const ambiguous = [
  "/s/..\\api/v1/photos",
  "/health\\",
  "/health%5c",
  "/heal%2fth",
  "/health%2F",
  "/./health",
  "/x/../health",
  "/x/%2e%2e/health",
  "/x/.%2E/health",
  "/%2e/health",
  "/health/.",
  "/health/%2e",
  "/health/x/..",
  "//health",
  "/health//",
  "/docs//json",
  "/health#x",
  "/health%zz",
  "/health%",
  "/health/%ff",
  "/health/\xff",
  "/health/%c0%af",
  "http://localhost/x/../health",
  `/${"x/".repeat(120)}`,
];

test("an ambiguous path is 400 before routing, with every method", async () => {
  for (const target of ambiguous) {
    for (const method of ["GET", "POST", "DELETE", "OPTIONS"]) {
      const answer = await ask(target, method);
      const found = { method, target, status: statusOf(answer) };
      expect(found).toEqual({ method, target, status: 400 });
      expect(answer).toContain('"code":"validation_error"');
      expect(answer).toMatch(/^x-request-id: /im);
    }
    expect(statusOf(await ask(target, "HEAD"))).toBe(400);
  }
});

test("its log line and its metrics name no route", async () => {
  await ask("/x/../health");
  expect(api.child.output()).not.toContain('"route":"/health","status":400');
});

test("an unambiguous path is routed, with or without a slash at its end, whatever its query holds", async () => {
  const plain: Record<string, number> = {
    "/": 404,
    "/health": 200,
    "/health/": 200,
    "/%68ealth": 404,
    "/health?x=\\..\\%2f..%5c//../#": 200,
    "/health?": 200,
    "/docs": 200,
    "/docs/assets/swagger-ui.css": 200,
    "/docs/assets/..css": 404,
    "/api/v1/photos?q=a%2Fb%5Cc": 200,
    "/api/v1/models/a%20b;c=d:e%25f": 404,
    "/api/v1/models/%E6%BC%A2": 404,
    [`/s/${key}`]: 404,
    [`/s/${key}/`]: 404,
    [`/api/v1/share/${key}/`]: 404,
    [`/${"x/".repeat(10)}`]: 404,
    "http://localhost/health": 200,
  };
  for (const [target, status] of Object.entries(plain)) {
    expect({ target, status: statusOf(await ask(target)) }).toEqual({ target, status });
  }
  expect(statusOf(await ask("/health", "DELETE"))).toBe(405);
  expect(statusOf(await ask("/health", "HEAD"))).toBe(200);
});

test("a target that is not a path is 400 or ends the connection", async () => {
  for (const target of ["*", "health", "?health", "localhost/health", "\\health", "/hea\0lth"]) {
    const status = statusOf(await ask(target)) ?? 400;
    expect({ target, isRefused: status >= 400 }).toEqual({ target, isRefused: true });
  }
});
