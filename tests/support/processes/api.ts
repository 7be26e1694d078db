import { serve } from "#api/serve";
import { loadConfig } from "#config";

// The shipped api, with the waits of the workflows it starts shortened.
const api = await serve(loadConfig(process.env), {
  timings: JSON.parse(process.env.TEST_TIMINGS ?? "{}"),
});
process.once("SIGTERM", () => void api.stop().finally(() => process.exit(0)));
