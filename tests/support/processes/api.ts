import { serve } from "#api/serve";
import { loadConfig } from "#config";

// The shipped api, with shorter waits in the workflows it starts and smaller HTTP limits.
void serve(loadConfig(process.env), {
  timings: JSON.parse(process.env.TEST_TIMINGS ?? "{}"),
  limits: JSON.parse(process.env.TEST_LIMITS ?? "{}"),
}).then((api) => process.once("SIGTERM", () => void api.stop().finally(() => process.exit(0))));
