import { parseArgs } from "node:util";
import type { Fault } from "./control.ts";
import { simulatedKey, startRunpodSimulator } from "./start.ts";

const usage = `Usage: bun simulators/runpod/main.ts [options]
  --port N            port of the API on 127.0.0.1; 0 (default) takes a free one
  --proxy-port N      port of the proxy in front of the pods; 0 (default) takes a free one
  --data DIR          folder of volumes and pods (default: a temporary one)
  --key KEY           a valid API key (repeatable; default ${simulatedKey})
  --time-scale N      how many times faster than real time simulated time passes (default 1)
  --boot SECONDS      simulated time of placing a pod and pulling its image (default 245)
  --billing-lag S     simulated seconds until usage appears in the billing routes (default 3600)
  --step-delay MS     real time of each denoising step in a pod (default 60)
  --install-ms MS     real time of each model's download in a pod (default 1000)
  --fault JSON        a fault that is on from the start (repeatable); see control.ts`;

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    "proxy-port": { type: "string", default: "0" },
    data: { type: "string" },
    key: { type: "string", multiple: true, default: [simulatedKey] },
    "time-scale": { type: "string", default: "1" },
    boot: { type: "string", default: "245" },
    "billing-lag": { type: "string", default: "3600" },
    "step-delay": { type: "string", default: "60" },
    "install-ms": { type: "string", default: "1000" },
    fault: { type: "string", multiple: true, default: [] },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(usage);
  process.exit(0);
}

const bootMs = Number(values.boot) * 1000;
const provisioningMs = Math.min(5_000, bootMs);
const simulator = await startRunpodSimulator({
  port: Number(values.port),
  proxyPort: Number(values["proxy-port"]),
  ...(values.data !== undefined && { dataDir: values.data }),
  keys: Object.fromEntries(values.key.map((key) => [key, "all"] as const)),
  timeScale: Number(values["time-scale"]),
  timeline: { provisioningMs, startingMs: bootMs - provisioningMs },
  billingLagMs: Number(values["billing-lag"]) * 1000,
  stepDelayMs: Number(values["step-delay"]),
  installMs: Number(values["install-ms"]),
  faults: values.fault.map((text) => JSON.parse(text) as Fault),
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void simulator.stop().then(() => process.exit(0)));
}

console.log(`proxy ${simulator.proxyUrl}`);
console.log(`ready ${simulator.url}`);
