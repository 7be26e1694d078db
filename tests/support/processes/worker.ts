import { runWorker } from "#activities/run-worker";
import { loadConfig } from "#config";

// The shipped worker, with the waits of its workflows shortened.
process.exit(
  await runWorker(loadConfig(process.env), JSON.parse(process.env.TEST_TIMINGS ?? "{}")),
);
