import { parseArgs } from "node:util";
import type { Fault } from "./control.ts";
import { startSimulator } from "./start.ts";
import { parseApiVersion } from "./versions.ts";

const usage = `Usage: bun simulators/invokeai/main.ts [options]
  --api VERSION       6.13 or 6.14 (default): whose behaviour it has
  --account E:P       multi-user mode: email and password of its user
  --multiuser         multi-user mode; its users are in the data folder, the first one comes from auth/setup
  --installed-models  no models in a new data folder, and those installed there later
  --clear-queue       empty the queue at the start
  --token-lifetime S  seconds after which a token expires (default a day)
  --port N            its port; 0 (default) takes a free one
  --host ADDRESS      the address to listen on (default 127.0.0.1)
  --data DIR          keep queue and images there over restarts
  --step-delay MS     time of each denoising step (default 60)
  --install-ms MS     time of each model's download (default 1000)
  --max-queue-size N  pending items the queue takes (default 10000)
  --journal FILE      append a line of JSON for each generated picture
  --fault JSON        a fault that is on from the start (repeatable); see control.ts`;

const { values } = parseArgs({
  options: {
    api: { type: "string", default: "6.14" },
    account: { type: "string" },
    multiuser: { type: "boolean", default: false },
    "installed-models": { type: "boolean", default: false },
    "clear-queue": { type: "boolean", default: false },
    "token-lifetime": { type: "string", default: "86400" },
    port: { type: "string", default: "0" },
    host: { type: "string", default: "127.0.0.1" },
    data: { type: "string" },
    "step-delay": { type: "string", default: "60" },
    "install-ms": { type: "string", default: "1000" },
    "max-queue-size": { type: "string", default: "10000" },
    journal: { type: "string" },
    fault: { type: "string", multiple: true, default: [] },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(usage);
  process.exit(0);
}

const api = parseApiVersion(values.api);
if (api === undefined) {
  console.error(`InvokeAI ${values.api} is not simulated.\n\n${usage}`);
  process.exit(2);
}

const [email, ...password] = values.account?.split(":") ?? [];
const login = email === undefined ? {} : { email, password: password.join(":") };
const tokenLifetimeMs = Number(values["token-lifetime"]) * 1000;
const hasAccounts = values.multiuser || email !== undefined;

const simulator = await startSimulator({
  api,
  accounts: hasAccounts ? { ...login, tokenLifetimeMs } : undefined,
  models: values["installed-models"] ? "installed" : "standard",
  clearQueue: values["clear-queue"],
  port: Number(values.port),
  host: values.host,
  dataDir: values.data,
  stepDelayMs: Number(values["step-delay"]),
  journalPath: values.journal,
  installMs: Number(values["install-ms"]),
  maxQueueSize: Number(values["max-queue-size"]),
  faults: values.fault.map((text) => JSON.parse(text) as Fault),
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void simulator.stop().then(() => process.exit(0)));
}

console.log(`ready ${simulator.url}`);
