import { ConfigError, environmentOf, loadConfig } from "#config";
import { runWorker } from "./worker/run-worker";

const aliveEveryMs = 2_000;
// `./gallery up` restarts a worker whose event loop is blocked.
if (process.connected) {
  setInterval(() => process.connected && process.send?.("alive"), aliveEveryMs).unref();
}

try {
  // Explicit exit: a handle that an activity left open would keep the process alive.
  process.exit(await runWorker(loadConfig(environmentOf("worker", process.env))));
} catch (error) {
  // One plain line: a wrong set-up is not a bug, so no stack.
  const message = error instanceof Error ? error.message : String(error);
  console.error(error instanceof ConfigError ? message : `worker: ${message}`);
  process.exit(1);
}
