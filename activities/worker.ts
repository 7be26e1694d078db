import { loadConfig } from "#config";
import { runWorker } from "./run-worker";

// An activity that left a handle open would keep the process alive.
process.exit(await runWorker(loadConfig(process.env)));
