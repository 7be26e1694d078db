import { DefaultLogger, makeTelemetryFilterString, Runtime } from "@temporalio/worker";
import type { Config } from "#config";
import type { Output } from "#output";

/** Ends the process at an error that nothing catches. Writes directly: the logger buffers its entries for a moment. */
export function exitOnUncaught(output: Output): void {
  const exit = (kind: string) => (thrown: unknown) => {
    const error = readableError(thrown instanceof Error ? thrown : new Error(String(thrown)));
    output.write(`${JSON.stringify({ level: "fatal", msg: kind, error })}\n`);
    process.exit(1);
  };
  process.on("uncaughtException", exit("uncaught exception"));
  process.on("unhandledRejection", exit("unhandled rejection"));
}

/** Sends the log entries of the worker and of Temporal's runtime to the output, one line of JSON each. */
export function installRuntime({ logLevel }: Pick<Config, "logLevel">, output: Output): void {
  const level = logLevel === "silent" || logLevel === "fatal" ? "ERROR" : logLevel.toUpperCase();
  Runtime.install({
    logger: new DefaultLogger(level as "INFO", (entry) => {
      const { level: severity, message, timestampNanos: _, meta } = entry;
      output.write(
        `${JSON.stringify({ level: severity.toLowerCase(), msg: message, ...readable(meta) })}\n`,
      );
    }),
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: "WARN", other: "ERROR" }) },
    },
  });
}

/** JSON.stringify cannot serialize errors and bigints. */
function readable(meta: Record<string, unknown> | undefined): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(meta ?? {}).map(([key, value]) => {
      if (value instanceof Error) return [key, readableError(value)];
      return [key, typeof value === "bigint" ? String(value) : value];
    }),
  );
}

/** The message of a failed query holds its parameters, including prompts: only its cause is logged. */
function readableError(error: Error): Record<string, unknown> {
  const logged =
    error.name === "DrizzleQueryError" && error.cause instanceof Error ? error.cause : error;
  return { name: logged.name, message: logged.message, at: logged.stack?.split("\n").slice(1, 6) };
}
