import { runWorker } from "#activities/worker/run-worker";
import { loadConfig } from "#config";

// The shipped worker, with shorter waits in its workflows.
process.exit(
  await runWorker(loadConfig(process.env), {
    timings: JSON.parse(process.env.TEST_TIMINGS ?? "{}"),
  }),
);
