import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdir, readFile, stat } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { createUps } from "#tests/support/up";
import { until } from "#tests/support/wait";

const token = "the-token-of-the-owner";
const secrets = {
  API_TOKEN: token,
  INVOKEAI_TOKEN: "the-token-of-invokeai",
  RUNPOD_API_KEY: "rpa_the-key-of-runpod",
  AWS_SECRET_ACCESS_KEY: "what-else-the-shell-holds",
};
const { preparedFolder, startUp, stop } = createUps();
let folder: string;
let up: ReturnType<typeof startUp>;
let url: string;
let uiUrl: string;

const urlsOf = (output: string) => ({
  api: /API +(http:\/\/\S+)\/api\/v1/.exec(output)?.[1] ?? "",
  ui: /Temporal web UI +(\S+)/.exec(output)?.[1] ?? "",
});

beforeAll(async () => {
  folder = await preparedFolder();
  up = startUp(["--port", "0", "--data", folder], secrets);
  await up.isUp();
  ({ api: url, ui: uiUrl } = urlsOf(up.output()));
}, 120_000);
afterAll(stop, 60_000);

type Part = { pid: number; command: string; environ: string[] };

/** All descendants of the process `root`. */
async function partsOf(root: number): Promise<Part[]> {
  const read = (pid: number, name: string) =>
    readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = new Map<number, number>();
  for (const pid of pids) {
    const text = await read(pid, "stat");
    parents.set(pid, Number(text.slice(text.lastIndexOf(")") + 2).split(" ")[1]));
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent !== undefined && (parent === root || isBelow(parent));
  };
  return Promise.all(
    pids.filter(isBelow).map(async (pid) => ({
      pid,
      command: (await read(pid, "cmdline")).replaceAll("\0", " "),
      environ: (await read(pid, "environ")).split("\0").filter(Boolean),
    })),
  );
}

const find = async (words: string) => {
  const found = (await partsOf(up.child.pid)).find(({ command }) => command.includes(words));
  return found ?? Promise.reject(new Error(`no process of ${words}`));
};

test("each part has the secrets that it needs in its environment, and no others", async () => {
  const parts = await partsOf(up.child.pid);
  const wanted: Record<string, string[]> = {
    "api/server.ts": ["API_TOKEN", "DATABASE_URL", "RUNPOD_API_KEY", "TEMPORAL_UI_URL"],
    "activities/worker.ts": ["DATABASE_URL", "INVOKEAI_TOKEN", "RUNPOD_API_KEY"],
    "guardian.ts": [],
    "simulators/invokeai": [],
    "temporal server": [],
    "server start-dev": [],
    "-D ": [],
    "postgres: ": [],
  };
  // Only that it is set: the value is another.
  const noticed: Record<string, string> = { "api/server.ts": "RUNPOD_API_KEY" };
  const secretNames = [...Object.keys(secrets), "DATABASE_URL", "TEMPORAL_UI_URL"];
  const seen = new Set<string>();
  for (const { command, environ } of parts) {
    const kind = Object.keys(wanted).find((words) => command.includes(words)) ?? command;
    seen.add(kind);
    const names = environ.map((entry) => entry.split("=", 1)[0] ?? "");
    const held = names.filter((name) => secretNames.includes(name) || name.startsWith("TEST_"));
    expect([kind, held.toSorted()]).toEqual([kind, wanted[kind] ?? []]);
    const text = environ.join("\n");
    for (const [name, value] of Object.entries(secrets)) {
      if (held.includes(name) && noticed[kind] !== name) continue;
      expect([kind, text.includes(value)]).toEqual([kind, false]);
    }
  }
  for (const kind of ["api/server.ts", "activities/worker.ts", "guardian.ts", "start-dev"]) {
    expect([...seen].some((one) => one.includes(kind))).toBe(true);
  }
});

test("data folder, databases and logs are readable by their owner only", async () => {
  const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
  const stackDir = join(folder, ".stack");
  expect([await modeOf(folder), await modeOf(stackDir)]).toEqual(["700", "700"]);
  const files = (await readdir(stackDir, { withFileTypes: true })).filter((one) => one.isFile());
  expect(files.map(({ name }) => name)).toContain("temporal-ui.json");
  expect(files.some(({ name }) => /^temporal-.*\.db$/.test(name))).toBe(true);
  for (const { name } of files) {
    if (!/\.(log|db|db-wal|db-shm|json|1)$|password/.test(name)) continue;
    expect([name, await modeOf(join(stackDir, name))]).toEqual([name, "600"]);
  }
});

test("the Temporal web UI answers only below its secret path, and only to host names of this machine", async () => {
  const { origin, pathname } = new URL(uiUrl);
  const ask = async (target: string, headers: Record<string, string> = {}) =>
    (await fetch(target, { headers })).status;
  expect(await ask(uiUrl)).toBe(200);
  expect(await ask(`${uiUrl}/api/v1/namespaces`)).toBe(200);
  expect(await ask(`${uiUrl}/_app/version.json`)).toBe(200);
  for (const path of [
    "/",
    "/api/v1/namespaces",
    "/api/v1/settings",
    "/namespaces",
    `${pathname}x/api/v1/namespaces`,
    `${pathname}/../api/v1/namespaces`,
    "//api/v1/namespaces",
  ]) {
    expect([path, await ask(`${origin}${path}`)]).toEqual([path, 404]);
  }
  expect(await ask(`${uiUrl}/api/v1/namespaces`, { host: "evil.example" })).toBe(403);
});

test("no port of the Temporal server answers a foreign host name that resolves to this machine", async () => {
  const { pid } = await find("server start-dev");
  const ports = Bun.spawnSync(["ss", "-ltnpH"])
    .stdout.toString()
    .split("\n")
    .filter((line) => line.includes(`pid=${pid},`))
    .flatMap((line) => /127\.0\.0\.1:(\d+)/.exec(line)?.[1] ?? []);
  expect(ports.length).toBeGreaterThan(0);
  for (const port of ports) {
    for (const path of ["/api/v1/namespaces", "/cluster/namespaces", "/namespaces"]) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        headers: { host: "evil.example" },
      }).catch(() => undefined);
      expect({ port, path, ok: answer?.ok ?? false }).toEqual({ port, path, ok: false });
    }
  }
});

test("a run's link leads to the web UI", async () => {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const body = JSON.stringify({ entry_type: "scratch" });
  const target = `${url}/api/v1/generation/sessions`;
  const session = (await (await fetch(target, { method: "POST", headers, body })).json()) as {
    workflow_url: string;
  };
  expect(session.workflow_url).toStartWith(`${uiUrl}/namespaces/`);
  expect((await fetch(session.workflow_url)).status).toBe(200);
});

test.each([
  ["api", "api/server.ts"],
  ["worker", "activities/worker.ts"],
])(
  "a stuck %s is stopped and started again",
  async (name, program) => {
    const { pid } = await find(program);
    process.kill(pid, "SIGSTOP");
    await until(
      "a message about the stuck part",
      () => up.output().includes(`${name} no longer responds`),
      60_000,
      up.output,
    );
    await until(
      "a new process",
      async () => (await find(program).catch(() => undefined))?.pid !== pid,
      30_000,
    );
    await until(
      "everything to be ready",
      async () => {
        const headers = { authorization: `Bearer ${token}` };
        const answer = await fetch(`${url}/health/ready`, { headers }).catch(() => undefined);
        return ((await answer?.json()) as { status?: string } | undefined)?.status === "ok";
      },
      60_000,
      up.output,
    );
  },
  160_000,
);

test("links to runs stay valid after a restart", async () => {
  up.child.kill("SIGTERM");
  await up.ended();
  const again = startUp(["--port", "0", "--data", folder], secrets);
  await again.isUp();
  expect(urlsOf(again.output()).ui).toBe(uiUrl);
  again.child.kill("SIGTERM");
  await again.ended();

  // When another program has taken the port, the port changes and the secret path stays.
  const { port, pathname } = new URL(uiUrl);
  const taken = createServer();
  await new Promise<void>((listens) => taken.listen(Number(port), "127.0.0.1", () => listens()));
  const elsewhere = startUp(["--port", "0", "--data", folder], secrets);
  await elsewhere.isUp();
  const moved = new URL(urlsOf(elsewhere.output()).ui);
  expect([moved.pathname, moved.port === port]).toEqual([pathname, false]);
  taken.close();
}, 240_000);
