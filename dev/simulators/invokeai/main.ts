import { parseArgs } from "node:util";
import type { Fault } from "./control.ts";
import { startSimulator } from "./start.ts";

const usage = `Usage: bun dev/simulators/invokeai/main.ts [options]
  --port N            port on 127.0.0.1; 0 (default) takes a free one
  --data DIR          keep queue and images there over restarts
  --step-delay MS     time of each denoising step (default 60)
  --max-queue-size N  pending items the queue takes (default 10000)
  --fault JSON        a fault that is on from the start (repeatable); see control.ts`;

const { values } = parseArgs({
  options: {
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

const simulator = await startSimulator({
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
