import { appendFileSync } from "node:fs";
import type { MainModel } from "#activities/adapters/invokeai/types";
import type { ModelRecord } from "#simulators/invokeai/model-records";
import { standardModels } from "#simulators/invokeai/standard-models";
import { type Simulator, startSimulator } from "#simulators/invokeai/start";
import type { ApiVersion } from "#simulators/invokeai/versions";

/** A server under test, and its capabilities. */
export type TestedServer = {
  name: string;
  api: ApiVersion;
  /** `alone`, `accounts`, `open`, `small_queue`, `6.13`, `6.14`, each `base/type` of its models, and each kind of main model. */
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

/** The five fields of a model that a graph contains, with what its kind and its image encoder depend on. */
export function asMain(model: ModelRecord): MainModel & { imageEncoder: string | null } {
  const { key, hash, name, base, type, format } = model;
  const variant = (model.variant ?? null) as string | null;
  const imageEncoder = (model.image_encoder_model_id ?? null) as string | null;
  return { key, hash, name, base, type, format: String(format), variant, imageEncoder };
}

/** The kind of a main model: graphs differ between kinds. A variant that differs only in size is the same kind. */
export function capabilityOf({ base, variant, format, name }: MainModel): string {
  const isKontext = base === "flux" && /kontext/i.test(name);
  const sized = /^(klein_\d+b|krea2_turbo|krea2_base)/.exec(variant ?? "")?.[0];
  const kind = sized === undefined ? variant : sized.split("_")[0];
  const form = format === "diffusers" ? "folder" : "single file";
  return `${base} ${isKontext ? "kontext" : kind} ${form}`;
}

const capabilitiesOf = (model: ModelRecord): string[] => [
  `${model.base}/${model.type}`,
  ...(model.type === "main" ? [capabilityOf(asMain(model))] : []),
  ...(model.type === "ip_adapter" && model.format === "invokeai"
    ? [`${model.base}/ip_adapter folder`]
    : []),
  ...(model.type === "main" && model.format !== "diffusers" ? [`${model.base}/single`] : []),
];

function simulated(api: ApiVersion, account: Account): TestedServer {
  const models = standardModels(api === "6.14").flatMap(capabilitiesOf);
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
    models: ModelRecord[];
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
    ...models.flatMap(capabilitiesOf),
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
