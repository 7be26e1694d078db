import { appendFileSync } from "node:fs";
import { type Simulator, startSimulator } from "#simulators/invokeai/start";
import type { ApiVersion } from "#simulators/invokeai/versions";

/** A server under test, and its capabilities. */
export type TestedServer = {
  name: string;
  api: ApiVersion;
  /** `alone`, `accounts`, `open`, `small_queue`, `6.13`, `6.14`, and each `base/type` of its models. */
  capabilities: ReadonlySet<string>;
  /** The maximum number of pending items. */
  queueSize: number;
  account: Account;
  open: () => Promise<{ url: string; close: () => Promise<void> }>;
};

/** The suite's login on a server with accounts. */
export type Account = { user?: string; password?: string; token?: string };

/** Why a server without a capability cannot be tested for it. */
const reasons: Record<string, string> = {
  alone: "it would disturb other users of the server; --alone declares that there are none",
  accounts: "the server has no accounts",
  open: "the server requires a login",
  small_queue:
    "filling the queue needs a server with max_queue_size of at most 500 and no other users",
  "6.13": "the server is not of version 6.13",
  "6.14": "the server is not of version 6.14",
};

const simulatedAccount = { user: "painter@example.org", password: "a long password" };
const simulatedQueueSize = 60;
const fillableQueueSize = 500;

/** The server in `GALLERY_TEST_INVOKEAI_URL`, else the simulator: as the newest version with accounts, or as all. */
export async function listServers(): Promise<TestedServer[]> {
  const url = Bun.env.GALLERY_TEST_INVOKEAI_URL;
  if (url !== undefined) return [await realServer(url)];
  const newest = simulated("6.14", simulatedAccount);
  if (Bun.env.GALLERY_TEST_ALL_VERSIONS !== "true") return [newest];
  return [simulated("6.13", {}), simulated("6.14", {}), newest];
}

function simulated(api: ApiVersion, account: Account): TestedServer {
  const parts: Record<string, string[]> = {
    "sd-1": ["main", "vae", "lora"],
    "sd-2": ["main"],
    sdxl: ["main", "vae", "lora"],
    flux: ["main", "vae", "lora"],
    any: ["spandrel_image_to_image"],
  };
  const models = Object.entries(parts).flatMap(([base, types]) =>
    types.map((type) => `${base}/${type}`),
  );
  const hasAccounts = account.user !== undefined;
  const { user = "", password = "" } = account;
  return {
    name: `the simulator as ${api}${hasAccounts ? " with accounts" : ""}`,
    api,
    capabilities: new Set([
      "alone",
      "small_queue",
      api,
      hasAccounts ? "accounts" : "open",
      ...models,
    ]),
    queueSize: simulatedQueueSize,
    account,
    async open() {
      const simulator: Simulator = await startSimulator({
        api,
        maxQueueSize: simulatedQueueSize,
        // Long enough for a cancel to arrive in between.
        stepDelayMs: 1,
        accounts: hasAccounts ? { email: user, password } : undefined,
      });
      return { url: simulator.url, close: simulator.stop };
    },
  };
}

async function realServer(url: string): Promise<TestedServer> {
  const account = {
    user: Bun.env.INVOKEAI_USER,
    password: Bun.env.INVOKEAI_PASSWORD,
    token: Bun.env.INVOKEAI_TOKEN,
  };
  const read = async (path: string, headers: Record<string, string> = {}) =>
    (await fetch(new URL(path, url), { headers })).json();
  const { version } = (await read("/api/v1/app/version")) as { version: string };
  const { multiuser_enabled } = (await read("/api/v1/auth/status")) as {
    multiuser_enabled: boolean;
  };
  const token = multiuser_enabled ? await logIn(url, account) : undefined;
  const headers = token === undefined ? undefined : { authorization: `Bearer ${token}` };
  const { models } = (await read("/api/v2/models/", headers)) as {
    models: { base: string; type: string }[];
  };
  const settings = (await read("/api/v1/app/runtime_config", headers)) as {
    config?: { max_queue_size?: number };
  };
  const queueSize = settings.config?.max_queue_size ?? Number.POSITIVE_INFINITY;
  const isAlone = Bun.env.GALLERY_TEST_INVOKEAI_ALONE === "true";
  const api: ApiVersion = version.startsWith("6.13.") ? "6.13" : "6.14";
  const capabilities = new Set([
    api,
    multiuser_enabled ? "accounts" : "open",
    ...models.map(({ base, type }) => `${base}/${type}`),
  ]);
  if (isAlone) capabilities.add("alone");
  if (isAlone && queueSize <= fillableQueueSize) capabilities.add("small_queue");
  const name = `InvokeAI ${version} at ${url}`;
  return {
    name,
    api,
    capabilities,
    queueSize,
    account,
    open: async () => ({ url, close: async () => {} }),
  };
}

/** A token of this account; undefined when there is none. */
export async function logIn(url: string, account: Account): Promise<string | undefined> {
  if (account.token !== undefined || account.user === undefined) return account.token;
  const response = await fetch(new URL("/api/v1/auth/login", url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ email: account.user, password: account.password, remember_me: false }),
  });
  if (!response.ok) throw new Error(`The login for the suite was refused: ${response.status}`);
  return ((await response.json()) as { token: string }).token;
}

/** Notes for the summary that the server lacks the capabilities for a test. */
export function noteUntested(
  server: TestedServer,
  title: string,
  missing: readonly string[],
): void {
  const why = missing.map((need) => reasons[need] ?? `the server has no ${need}`).join("; ");
  const line = `${title} (${why})`;
  const report = Bun.env.GALLERY_TEST_INVOKEAI_UNTESTED;
  if (report !== undefined) appendFileSync(report, `${line}\n`);
  // Not for simulators: what one of them lacks, another one has.
  else if (Bun.env.GALLERY_TEST_INVOKEAI_URL !== undefined) console.log(`not tested: ${line}`);
}
