import { afterAll, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { tokenPrefix } from "#simulators/invokeai/accounts";
import { findLeaks } from "#tests/support/leaks";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

const email = "painter@example.org";
const password = "marker-7f3a-of-the-password";
const version = "6.99.1";

const { stack, api, worker, gallery } = await startGallery({
  env: { INVOKEAI_USER: email, INVOKEAI_PASSWORD: password, LOG_LEVEL: "debug" },
  simulator: { version, accounts: { email, password } },
});

afterAll(() => stack.stop(), 30_000);

async function requestStep(): Promise<string> {
  const session = await gallery.createSession();
  return (await gallery.requestStep(session.id, { parameters: { batch_size: 2 } })).id;
}

test("a step runs on an InvokeAI with accounts, and continues when the login expires", async () => {
  const { control } = stack.invokeai;
  const held = await control.holdStep({ item: 1, step: 1 });
  const stepId = await requestStep();
  await control.until(({ frozen }) => frozen !== null);
  await control.changePassword();
  await control.release();
  expect(await control.struck(held)).toBe(1);
  expect(await gallery.stepIs(stepId, ["completed", "failed"])).toMatchObject({
    status: "completed",
    images_failed: 0,
  });
  await gallery.allRetrieved(stepId, 2);
  expect((await control.state()).generated).toHaveLength(2);
}, 90_000);

test("an untested version of InvokeAI is named in the status, and once in the log", async () => {
  const status = await gallery.get("/backend/status");
  expect(status).toMatchObject({ connected: true, api_version: version });
  expect(status.warning).toContain(`InvokeAI ${version} was never tried`);
  expect(status).not.toHaveProperty("last_error");
  expect(worker.output().split(`InvokeAI ${version} was never tried`)).toHaveLength(2);
});

test("while the login is refused, the status, a waiting step and waiting images say so; afterwards all complete", async () => {
  const { control } = stack.invokeai;
  await control.addFault({ kind: "request_held", route: "imageFull" });
  const generated = await requestStep();
  await control.until(({ held }) => held.filter(({ route }) => route === "imageFull").length === 2);
  await control.changePassword("another one");
  await control.clearFaults();
  const status = await until("a refused login", async () => {
    const seen = await gallery.get("/backend/status");
    return seen.connected ? undefined : seen;
  });
  expect(status.last_error).toStartWith("InvokeAI refused the login; set INVOKEAI_USER");
  const stepId = await requestStep();
  await until("a step that says why it waits", async () => {
    const { progress_message: words } = await gallery.get(`/generation/steps/${stepId}`);
    return String(words).includes("InvokeAI refused the login");
  });
  await until("images that say why they wait", async () => {
    const images = await gallery.photosOf(generated);
    return images.every(
      ({ photo }) =>
        photo.retrieval_status === "pending" &&
        photo.retrieval_error?.includes("INVOKEAI_USER") &&
        photo.retrieval_error.endsWith("The image is fetched when that is done."),
    );
  });
  await control.changePassword(password);
  expect(await gallery.stepIs(stepId, ["completed", "failed"])).toMatchObject({
    status: "completed",
  });
  await Promise.all([gallery.allRetrieved(stepId, 2), gallery.allRetrieved(generated, 2)]);
  for (const { photo } of await gallery.photosOf(generated)) {
    expect(photo.retrieval_attempts).toBe(0);
    expect(photo).not.toHaveProperty("retrieval_error");
  }
}, 90_000);

test("neither password nor token is in a log, an answer, a row or a history", async () => {
  const secrets = { password, token: tokenPrefix };
  const sources: Record<string, Buffer> = {
    worker: Buffer.from(worker.output()),
    api: Buffer.from(api.output()),
  };
  for (const path of ["/backend/status", "/settings", "/generation/sessions", "/photos"]) {
    sources[path] = Buffer.from(JSON.stringify(await gallery.get(path)));
  }
  const tables = await stack.database.db.execute<{ tablename: string }>(
    sql`select tablename from pg_tables where schemaname = 'public'`,
  );
  expect(tables.length).toBeGreaterThan(10);
  for (const { tablename } of tables) {
    const rows = await stack.database.db.execute(sql`select * from ${sql.identifier(tablename)}`);
    sources[tablename] = Buffer.from(JSON.stringify(rows));
  }
  let histories = 0;
  for await (const { workflowId, runId } of stack.temporal.workflow.list()) {
    const history = await stack.temporal.workflow.getHandle(workflowId, runId).fetchHistory();
    const data = (history.events ?? []).map((event) => JSON.stringify(event));
    sources[workflowId] = Buffer.from(data.join("\n"));
    histories += 1;
  }
  expect(histories).toBeGreaterThan(3);
  // Proves that the search finds a token.
  expect(findLeaks(Buffer.from(`token=${tokenPrefix}1`), secrets)).toEqual(["token"]);
  const leaks = Object.entries(sources).flatMap(([source, bytes]) =>
    findLeaks(bytes, secrets).map((secret) => `${secret} in ${source}`),
  );
  expect(leaks).toEqual([]);
});
