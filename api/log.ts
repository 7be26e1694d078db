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
  return pino(options, destination ?? createStandardOutput());
}

/** Lines of one turn of the event loop go out in one write: a write of its own costs more than making the line. */
function createStandardOutput(): DestinationStream {
  let lines = "";
  const flush = () => {
    if (lines !== "") process.stdout.write(lines);
    lines = "";
  };
  process.once("exit", flush);
  return {
    write(line) {
      if (lines === "") setImmediate(flush);
      lines += line;
    },
  };
}
