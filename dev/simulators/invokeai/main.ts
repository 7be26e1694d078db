import { parseArgs } from "node:util";
import type { Fault } from "./control.ts";
import { startSimulator } from "./start.ts";
import { parseApiVersion } from "./versions.ts";

const usage = `Usage: bun dev/simulators/invokeai/main.ts [options]
  --api VERSION       6.13 or 6.14 (default): whose behaviour it has
  --account E:P       multi-user mode:email and password of its user
  --token-lifetime S  seconds after which a token expires (default a day)
  --port N            port on 127.0.0.1; 0 (default) takes a free one
  --data DIR          keep queue and images there over restarts
  --step-delay MS     time of each denoising step (default 60)
  --max-queue-size N  pending items the queue takes (default 10000)
  --fault JSON        a fault that is on from the start (repeatable); see control.ts`;

const { values } = parseArgs({
  options: {
    api: { type: "string", default: "6.14" },
    account: { type: "string" },
    "token-lifetime": { type: "string", default: "86400" },
    port: { type: "string", default: "0" },
    data: { type: "string" },
    "step-delay": { type: "string", default: "60" },
    "max-queue-size": { type: "string", default: "10000" },
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
  console.error(`There is no behaviour for ${values.api}.\n\n${usage}`);
  process.exit(2);
}

const [email = "", ...password] = values.account?.split(":") ?? [];
const tokenLifetimeMs = Number(values["token-lifetime"]) * 1000;

const simulator = await startSimulator({
  api,
  accounts: email === "" ? undefined : { email, password: password.join(":"), tokenLifetimeMs },
  port: Number(values.port),
  dataDir: values.data,
  stepDelayMs: Number(values["step-delay"]),
  maxQueueSize: Number(values["max-queue-size"]),
  faults: values.fault.map((text) => JSON.parse(text) as Fault),
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void simulator.stop().then(() => process.exit(0)));
}

console.log(`ready ${simulator.url}`);
