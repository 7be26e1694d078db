import pino, { type DestinationStream, type Logger } from "pino";
import type { LogLevel } from "#config";

/** One JSON line an entry on standard output, time in ISO 8601. */
export function createLog(level: LogLevel, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return destination ? pino(options, destination) : pino(options);
}
