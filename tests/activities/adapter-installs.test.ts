import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { createInvokeAiClient } from "#activities/adapters/invokeai/client";
import { ProviderError } from "#errors";
import { parseModelSource } from "#model-sources";
import { startSimulator } from "#simulators/invokeai/start";

const simulator = await startSimulator({
  accounts: { email: "owner@example.org", password: "a long password" },
});
const { control } = simulator;
const connect = (credentials: { user: string; password: string } | null) =>
  createInvokeAiClient({
    baseUrl: simulator.url,
    connectionTimeoutMs: 1_000,
    readTimeoutMs: 1_000,
    ...(credentials && { credentials }),
  });
const invokeai = connect({ user: "owner@example.org", password: "a long password" });

// An install is sent once, with the login of an earlier call.
beforeAll(() => invokeai.listInstalledSources());
beforeEach(() => control.clearFaults());
afterAll(() => simulator.stop());

const clip = "InvokeAI/clip-vit-large-patch14-text-encoder::bfloat16";
const sourceOf = (text: string) => parseModelSource(text)!;
const start = (source: string) => invokeai.startInstall({ source, huggingFaceToken: null });
const faultOf = (call: Promise<unknown>) =>
  call.then(
    () => "none",
    (error: unknown) => (error instanceof ProviderError ? error.fault : error),
  );

test("an open job is found by its source, also by one that names no variant; an ended one is not", async () => {
  await control.addFault({ kind: "install_held", source: clip });
  const job = await start(clip);
  expect(job).toMatchObject({ state: "open", modelKey: null });
  const named = sourceOf(clip.replace("::", ":fp16:"));
  expect(await invokeai.findOpenInstall(named)).toMatchObject({ id: job.id });
  expect(await invokeai.findOpenInstall(sourceOf("owner/name"))).toBeUndefined();
  await control.until(({ heldInstalls }) => heldInstalls.length === 1);
  const running = await invokeai.findInstall({ id: job.id, source: named });
  expect(running).toMatchObject({ state: "open", totalBytes: 246_144_352 });
  await control.release();
  const find = () => invokeai.findInstall({ id: job.id, source: named });
  while ((await find())?.state === "open") await Bun.sleep(5);
  expect(await find()).toMatchObject({ state: "completed", bytes: 246_144_352 });
  expect(await invokeai.findOpenInstall(named)).toBeUndefined();
  const { key } = (await invokeai.listInstalledSources()).find(({ source }) => source === clip)!;
  expect((await find())?.modelKey).toBe(key);
});

test("a job with the same id but another source is not the one that was asked for", async () => {
  const job = await start("https://example.org/a.safetensors");
  const other = sourceOf("https://example.org/b.safetensors");
  expect(await invokeai.findInstall({ id: job.id, source: other })).toBeUndefined();
  expect(await invokeai.findInstall({ id: 987_654, source: other })).toBeUndefined();
  const failed = await invokeai.findInstall({
    id: job.id,
    source: sourceOf("https://example.org/a.safetensors"),
  });
  expect(failed).toMatchObject({ state: "failed", reason: "ConnectionError" });
});

test("a cancel of a job that the server does not know is not an error", async () => {
  expect(await invokeai.cancelInstall(987_654)).toBe(false);
});

test("a refused source, a missing login and an answer of another kind are told apart", async () => {
  expect(await faultOf(start("nobody/none"))).toBe("rejected");
  expect(await faultOf(connect(null).startInstall({ source: clip, huggingFaceToken: null }))).toBe(
    "locked",
  );
  await control.addFault({ kind: "hub_away" });
  expect(await faultOf(start("nobody/none"))).toBe("broken");
  await control.clearFaults();
  await control.addFault({ kind: "status_200_html", route: "starterModels", times: 1 });
  expect(await faultOf(invokeai.listStarters())).toBe("broken");
});

test("an image encoder is installed under the name by which InvokeAI looks it up", async () => {
  const bodies: unknown[] = [];
  using proxy = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const { method, headers } = request;
      const body = method === "GET" ? null : await request.text();
      if (pathname.endsWith("/install") && body) bodies.push(JSON.parse(body));
      const answer = await fetch(`${simulator.url}${pathname}${search}`, { method, headers, body });
      // Its body is no longer compressed.
      const type = answer.headers.get("content-type") ?? "";
      return new Response(await answer.arrayBuffer(), {
        status: answer.status,
        headers: { "content-type": type },
      });
    },
  });
  const through = createInvokeAiClient({
    baseUrl: proxy.url.href,
    connectionTimeoutMs: 1_000,
    readTimeoutMs: 1_000,
    credentials: { user: "owner@example.org", password: "a long password" },
  });
  await through.listInstalledSources();
  const encoder = "InvokeAI/ip_adapter_sd_image_encoder";
  for (const source of [encoder, `https://huggingface.co/${encoder}`, clip]) {
    await faultOf(through.startInstall({ source, huggingFaceToken: null }));
  }
  expect(bodies).toEqual([
    { name: "IP Adapter SD1.5 Image Encoder", type: "clip_vision" },
    // By this name the folder of an IP-Adapter looks it up.
    { name: "ip_adapter_sd_image_encoder", type: "clip_vision" },
    {},
  ]);
});

test("starter models name the sources of their dependencies; sets name sources", async () => {
  const { models, bundles } = await invokeai.listStarters();
  const flux = models.find(({ base }) => base === "flux");
  expect(flux?.dependencies).toContain(clip);
  expect(bundles.find(({ name }) => name === "flux")?.sources).toContain(clip);
});
