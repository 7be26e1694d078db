import { ConfigError, environmentOf, loadConfig } from "#config";
import { serve } from "./serve";

try {
  const api = await serve(loadConfig(environmentOf("api", process.env)));
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      void api.stop().finally(() => process.exit(0));
    });
  }
} catch (error) {
  // One plain line without a stack: a wrong set-up is not a fault of the program.
  console.error(error instanceof ConfigError ? error.message : `api: ${messageOf(error)}`);
  process.exit(1);
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "EADDRINUSE") return "the port is in use; set PORT to a free one";
  if (code === "ECONNREFUSED" || code === "CONNECT_TIMEOUT") {
    return "the database does not answer; check DATABASE_URL";
  }
  return error.message;
}
