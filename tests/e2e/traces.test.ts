import { afterAll, beforeAll, expect, test } from "bun:test";
import { createGalleryClient, type GalleryClient } from "#tests/support/gallery";
import { type ReceivedSpan, startOtlpCollector } from "#tests/support/otlp-collector";
import { smallPng } from "#tests/support/png";
import { startStack, type Stack } from "#tests/support/stack";
import { until } from "#tests/support/wait";

const collector = startOtlpCollector();
let stack: Stack;
let client: GalleryClient;

beforeAll(async () => {
  stack = await startStack({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url } });
  await stack.startWorker();
  client = createGalleryClient((await stack.startApi()).url);
}, 90_000);
afterAll(async () => {
  await stack.stop();
  await collector.stop();
}, 60_000);

const enqueue = (span: ReceivedSpan) =>
  span.name === "invokeai POST" && span.attributes["url.template"]?.endsWith("/enqueue_batch");

/** The names from a span up to the root of its trace; undefined while one was not received. */
function pathOf(span: ReceivedSpan): string[] | undefined {
  const spans = collector.spans();
  const path = [span.name];
  for (let at = span; at.parent !== ""; path.push(at.name)) {
    const above = spans.find(({ id, trace }) => id === at.parent && trace === at.trace);
    if (!above) return undefined;
    at = above;
  }
  return path;
}

/** A session whose run waits: one that has just started may find a step's row before it is notified of it. */
async function createWaitingSession(title?: string): Promise<string> {
  const session = await client.post("/generation/sessions", {
    entry_type: "scratch",
    ...(title !== undefined && { title }),
  });
  await until("a session's run that waits", async () => {
    const handle = stack.temporal.workflow.getHandle(`generation-session/${session["id"]}`);
    const { raw, historyLength } = await handle.describe();
    return !raw.pendingWorkflowTask && historyLength > 4;
  });
  return session["id"];
}

test("one trace leads from the request through the workflow to InvokeAI's call, and nothing private is in any", async () => {
  const marker = "xylophone-marmalade";
  const photo = await client.upload(await smallPng(), `${marker}-file.png`);
  await client.patch(`/photos/${photo["id"]}`, { title: `${marker} photo` });
  const session = await createWaitingSession(`${marker} session`);
  const prompts = { prompt: `a ${marker} at dusk`, negative_prompt: `no ${marker}` };
  const step = await client.requestStep(session, prompts);
  await client.stepIs(step["id"], ["completed"]);
  const { access_key: key } = await client.post("/share", { photo_id: photo["id"] });
  expect((await fetch(`${client.url}/s/${key}`)).status).toBe(200);

  const path = await until(
    "a trace from the call to its request",
    () => {
      const span = collector.spans().find(enqueue);
      return span && pathOf(span);
    },
    30_000,
  );
  expect(path).toEqual([
    "invokeai POST",
    "activity runBatch",
    "workflow generationStep",
    "notify stepRequested",
    expect.stringMatching(/^POST \/api\/v1\/generation\/sessions\/\S+\/steps$/),
  ]);
  const trace = collector.spans().find(enqueue)!.trace;
  const names = collector
    .spans()
    .filter((span) => span.trace === trace)
    .map(({ name }) => name);
  expect(names.filter((name) => name.startsWith("POST "))).toHaveLength(1);

  const photos = await client.photosOf(step["id"]);
  const [image] = await stack.database
    .sql`select invoke_id as image_name from photos where step_id = ${step["id"]}`;
  const model = (await client.get(`/generation/steps/${step["id"]}`))["parameters"]["model_key"];
  const secrets = [marker, "xylophone", stack.dataDir, image?.["image_name"], model, key];
  const bytes = collector.bytes();
  expect(photos).not.toHaveLength(0);
  for (const secret of secrets) {
    expect(secret).toBeString();
    expect([secret, bytes.includes(secret)]).toEqual([secret, false]);
  }
}, 120_000);

test("a step of another session has a trace of its own, although one run serves a session's steps", async () => {
  const session = await createWaitingSession();
  const steps = [await client.requestStep(session), await client.requestStep(session)];
  for (const step of steps) await client.stepIs(step["id"], ["completed"]);
  const traces = await until("two traces", () => {
    const ids = steps.map(
      (step) =>
        collector
          .spans()
          .find(
            ({ name, attributes }) =>
              name === "workflow generationStep" &&
              attributes["temporal.workflow_id"] === `generation-step/${step["id"]}`,
          )?.trace,
    );
    return ids.includes(undefined) ? undefined : ids;
  });
  expect(new Set(traces).size).toBe(2);
}, 120_000);

test("requests are answered while the collector is away", async () => {
  await collector.stop();
  const session = await client.createSession();
  const step = await client.requestStep(session["id"]);
  expect(await client.stepIs(step["id"], ["completed"])).toMatchObject({ status: "completed" });
}, 60_000);
