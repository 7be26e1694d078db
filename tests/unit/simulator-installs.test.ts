import { afterEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Simulator, type SimulatorOptions, startSimulator } from "#simulators/invokeai/start";
import { blankGraph } from "#tests/conformance/invokeai/graphs";
import { until } from "#tests/support/wait";

const sd1 = "Lykon/dreamshaper-8";

type Job = {
  id: number;
  status: string;
  bytes: number;
  total_bytes: number;
  error_reason: string | null;
  config_out: { base: string; type: string; source: string } | null;
};

let simulator: Simulator;
const folders: string[] = [];
afterEach(async () => {
  await simulator.stop();
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

async function start(options: SimulatorOptions = {}): Promise<void> {
  simulator = await startSimulator({ models: "installed", ...options });
}

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "simulator-"));
  folders.push(folder);
  return folder;
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${simulator.url}/api/v2/models/${path}`, {
    method,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  return (await response.json()) as T;
}

const install = (source: string) =>
  fetch(`${simulator.url}/api/v2/models/install?source=${encodeURIComponent(source)}`, {
    method: "POST",
    body: "{}",
  });

const jobIs = (id: number, status: string) =>
  until(`job ${id} as ${status}`, async () => {
    const job = await call<Job>("GET", `install/${id}`);
    return job.status === status ? job : undefined;
  });

const installedSources = async () =>
  (await call<{ models: { source: string }[] }>("GET", "")).models.map(({ source }) => source);

test("a new root has no models; an installed starter is there after a restart", async () => {
  const dataDir = await newFolder();
  await start({ dataDir });
  expect(await installedSources()).toEqual([]);
  const response = await install(sd1);
  expect(response.status).toBe(201);
  const { id } = (await response.json()) as Job;
  const job = await jobIs(id, "completed");
  expect(job.config_out).toMatchObject({ base: "sd-1", type: "main", source: sd1 });
  expect(job.bytes).toBe(job.total_bytes);
  const { starter_models } = await call<{
    starter_models: { source: string; is_installed: boolean }[];
  }>("GET", "starter_models");
  const installed = starter_models.filter((each) => each.is_installed);
  expect(installed.map(({ source }) => source)).toEqual([sd1]);
  await simulator.stop();
  await start({ dataDir });
  expect(await installedSources()).toEqual([sd1]);
  expect(await call<Job[]>("GET", "install")).toEqual([]);
});

test("a job that was cut is taken up again at the next start", async () => {
  const dataDir = await newFolder();
  await start({ dataDir, faults: [{ kind: "install_held" }] });
  await install(sd1);
  await simulator.control.until(({ heldInstalls }) => heldInstalls.length === 1);
  await simulator.stop();
  await start({ dataDir });
  await jobIs(0, "completed");
  expect(await installedSources()).toEqual([sd1]);
});

test("a cancelled install adds no model", async () => {
  await start({ faults: [{ kind: "install_held" }] });
  await install(sd1);
  await simulator.control.until(({ heldInstalls }) => heldInstalls.length === 1);
  expect(await call("DELETE", "install/0")).toBeNull();
  await simulator.control.release();
  expect((await call<Job>("GET", "install/0")).status).toBe("cancelled");
  await install(sd1);
  await jobIs(1, "completed");
  expect(await installedSources()).toEqual([sd1]);
});

test("unknown sources, addresses and a hub that is away fail as on the real server", async () => {
  await start();
  expect((await install("nobody/nothing")).status).toBe(424);
  await install("http://127.0.0.1:1/model.safetensors");
  await install("https://example.org/model.safetensors");
  await simulator.control.addFault({ kind: "install_failure", errorReason: "OSError" });
  const failed = await Promise.all([jobIs(0, "error"), jobIs(1, "error")]);
  expect(failed.map(({ error_reason }) => error_reason)).toEqual([
    "UnsafeDownloadURLException",
    "ConnectionError",
  ]);
  await install(sd1);
  expect((await jobIs(2, "error")).error_reason).toBe("OSError");
  await simulator.control.addFault({ kind: "hub_away" });
  const away = await install(sd1);
  expect([away.status, await away.text()]).toEqual([500, "Internal Server Error"]);
});

test("the first caller of the set-up becomes the administrator, and stays it on the same root", async () => {
  const dataDir = await newFolder();
  const post = (path: string, body: unknown) =>
    fetch(`${simulator.url}/api/v1/auth/${path}`, { method: "POST", body: JSON.stringify(body) });
  const owner = { email: "owner@example.org", display_name: "Owner", password: "a long password" };
  const status = async () =>
    (await (await fetch(`${simulator.url}/api/v1/auth/status`)).json()) as Record<string, unknown>;
  await start({ dataDir, accounts: {} });
  expect(await status()).toMatchObject({ setup_required: true, multiuser_enabled: true });
  expect((await post("login", owner)).status).toBe(401);
  expect((await post("setup", owner)).status).toBe(200);
  expect((await post("setup", { ...owner, email: "stranger@example.org" })).status).toBe(400);
  await simulator.stop();
  await start({ dataDir, accounts: {} });
  expect(await status()).toMatchObject({ setup_required: false });
  expect((await post("login", owner)).status).toBe(200);
});

test("a start with a cleared queue drops every item and keeps the pictures", async () => {
  const dataDir = await newFolder();
  await start({ dataDir });
  await fetch(`${simulator.url}/api/v1/queue/default/enqueue_batch`, {
    method: "POST",
    body: JSON.stringify({ batch: { batch_id: "b1", runs: 2, graph: blankGraph() } }),
  });
  await simulator.control.until(({ queue }) => queue.completed === 2);
  await simulator.stop();
  await start({ dataDir, clearQueue: true });
  expect((await simulator.control.state()).queue.completed).toBe(0);
  const images = (await (await fetch(`${simulator.url}/api/v1/images/?limit=10`)).json()) as {
    total: number;
  };
  expect(images.total).toBe(2);
});
