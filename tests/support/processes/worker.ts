import { runWorker } from "#activities/worker/run-worker";
import { loadConfig } from "#config";

// The shipped worker, with shorter waits in its workflows.
void runWorker(loadConfig(process.env), {
  timings: JSON.parse(process.env.TEST_TIMINGS ?? "{}"),
}).then((code) => process.exit(code));
