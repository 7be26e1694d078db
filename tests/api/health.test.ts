import { afterAll, beforeAll, expect, test } from "bun:test";
import { createTestApi, type TestApi } from "#tests/support/api";
import { version } from "#version";
import { insertWorker } from "#tests/support/rows";

const token = "a-token-of-the-owner";
let api: TestApi;
beforeAll(async () => {
  api = await createTestApi({ API_TOKEN: token });
  await insertWorker(api.deps.database.db);
});
afterAll(() => api.close());

async function ask(path: string, headers: Record<string, string> = {}) {
  const answer = await api.request(path, { headers });
  return [answer.status, await answer.json()];
}

test("probes need no token for liveness, nor for brief readiness", async () => {
  expect(await ask("/health/live")).toEqual([200, { status: "ok", version }]);
  expect(await ask("/health/ready?brief=true")).toEqual([200, { status: "ok" }]);
  api.temporal.isAway = true;
  expect(await ask("/health/ready?brief=true")).toEqual([200, { status: "degraded" }]);
  api.temporal.isAway = false;
});

test("only the owner sees which part is unavailable", async () => {
  for (const query of ["", "?brief=false", "?Brief=true"]) {
    const [status, body] = await ask(`/health/ready${query}`);
    expect({ query, status, code: body.error.code }).toEqual({
      query,
      status: 401,
      code: "unauthorized",
    });
  }
  const [, whole] = await ask("/health/ready", { authorization: `Bearer ${token}` });
  expect(whole).toEqual({
    status: "ok",
    database: "ok",
    workflow_service: "ok",
    worker: "ok",
    storage: "ok",
  });
  expect((await ask("/health/ready", { authorization: "Bearer wrong" }))[0]).toBe(401);
  expect((await ask("/health/ready?brief=1"))[0]).toBe(400);
});

test("a server that is not ready answers 503, in brief too", async () => {
  const lost = await createTestApi({ API_TOKEN: token });
  try {
    await Bun.$`rm -rf ${lost.dataDir}`.quiet();
    const answer = await lost.request("/health/ready?brief=true");
    expect([answer.status, await answer.json()]).toEqual([503, { status: "unavailable" }]);
  } finally {
    await lost.close();
  }
});
