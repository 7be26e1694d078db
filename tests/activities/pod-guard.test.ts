import { afterEach, expect, test } from "bun:test";
import { selfEndRequests } from "#activities/adapters/pods/runpod/self-end";
import { buildPodOrder } from "#activities/pods/guard/order";
import { ProviderError } from "#errors";
import { admin, createGuardBed } from "#tests/support/guard";
import { until } from "#tests/support/wait";

const { endApi, volume, guard, cleanUp } = createGuardBed();
afterEach(cleanUp);

const waiting = { command: ["sleep", "1000"] };

test("without a beat the guard asks for the end of its pod, in every way, until the container is gone", async () => {
  const api = endApi((nth) => [403, 500, 200][(nth - 1) % 3] ?? 0);
  const started = await guard(api, { ...waiting, settings: { silenceSeconds: 0.3 } });
  await until("two rounds", () => api.requests.length >= 6);
  expect(started.isRunning()).toBe(true);
  expect(api.requests.slice(0, 3)).toEqual([
    {
      call: "POST /v2/pods/pod123/action",
      authorization: "Bearer the-pods-own-key",
      body: '{"action": "terminate"}',
    },
    { call: "DELETE /v2/pods/pod123", authorization: "Bearer the-pods-own-key", body: "" },
    {
      call: "POST /graphql",
      authorization: "Bearer the-pods-own-key",
      body: '{"query": "mutation { podTerminate(input: { podId: \\"pod123\\" }) }"}',
    },
  ]);
});

test("an API that cannot be reached does not stop the guard from trying", async () => {
  const api = endApi();
  const gone = endApi();
  await gone.stop();
  const selfEnd = [...gone.selfEnd, ...api.selfEnd];
  const settings = { silenceSeconds: 0.2 };
  await guard({ selfEnd }, { ...waiting, settings });
  await until("a request", () => api.requests.length > 0);
});

test("beats keep a pod, and only those with the token count", async () => {
  const api = endApi();
  const silenceSeconds = 1.5;
  const started = await guard(api, { ...waiting, settings: { silenceSeconds } });
  await until("a first beat", () => started.beat().catch(() => undefined));
  const since = Date.now();
  await until("twice the silence", async () => {
    await started.beat();
    return Date.now() - since > 2 * silenceSeconds * 1_000;
  });
  expect(api.requests).toEqual([]);
  await until("the end", async () => {
    const refused: unknown = await started.beat("another-token").catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ProviderError);
    expect((await fetch(started.beatUrl)).ok).toBe(false);
    return api.requests.length > 0;
  });
});

test("at its absolute end a pod ends in spite of beats, and a restart of the container does not defer it", async () => {
  const api = endApi();
  const endAt = new Date(Date.now() + 700);
  const options = { ...waiting, settings: { endAt, silenceSeconds: 60 } };
  const first = await guard(api, options);
  await until("the end", async () => {
    await first.beat().catch(() => undefined);
    return api.requests.length > 0;
  });
  expect(Date.now()).toBeGreaterThan(endAt.getTime());
  const before = api.requests.length;
  await guard(api, options);
  await until("the end again", () => api.requests.length > before + 3);
});

test("a stop of the container lets InvokeAI end first", async () => {
  const root = await volume();
  const script = `trap 'echo > "$INVOKEAI_ROOT/ended"; exit' TERM; echo > "$INVOKEAI_ROOT/started"; while :; do sleep 0.01; done`;
  const started = await guard(endApi(), { root, command: ["sh", "-c", script] });
  await until("InvokeAI", () => Bun.file(`${root}/started`).exists());
  expect(await started.stop()).toBe(0);
  expect(await Bun.file(`${root}/ended`).exists()).toBe(true);
});

test("an order of a pod keeps within RunPod's limits", () => {
  const order = buildPodOrder(
    { name: "pod", image: "i", gpuType: "g", dataCenter: null, volumeId: "v", diskGb: 40 },
    { beatToken: "t".repeat(64), admin, silenceSeconds: 2_400, endAt: new Date() },
    { selfEnd: selfEndRequests("https://api.runpod.io") },
  );
  expect(Buffer.byteLength(order.command.join(" "))).toBeLessThan(8_192);
  expect(Buffer.byteLength(JSON.stringify(order))).toBeLessThan(16_384);
  expect(Object.keys(order.environment).length).toBeLessThan(50);
  // RunPod replaces this by its secrets.
  expect(Object.values(order.environment).join("\n")).not.toContain("{{");
  expect(order.environment).toMatchObject({
    INVOKEAI_MULTIUSER: "true",
    INVOKEAI_CLEAR_QUEUE_ON_STARTUP: "true",
  });
});
