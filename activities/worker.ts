import { ConfigError, loadConfig } from "#config";
import { runWorker } from "./run-worker";

try {
  // An activity that left a handle open would keep the process alive.
  process.exit(await runWorker(loadConfig(process.env)));
} catch (error) {
  // One plain line for a person: what is wrong with the set-up is no fault of the program.
  const message = error instanceof Error ? error.message : String(error);
  console.error(error instanceof ConfigError ? message : `worker: ${message}`);
  process.exit(1);
}
