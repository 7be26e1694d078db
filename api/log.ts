import pino, { type DestinationStream, type Logger } from "pino";
import type { LogLevel } from "#config";
import { createOutput, type Output } from "#output";

/** Each entry is one line of JSON, with its time in ISO 8601. */
export function createLog(
  level: LogLevel,
  destination: DestinationStream = inBatches(createOutput()),
): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return pino(options, destination);
}

export type LoggedRequest = {
  method: string;
  route: string | null;
  status: number;
  ms: number;
  id: string;
};

/** Writes the line of a request as pino would, in a fifth of the time: pino's takes as long as a thumbnail's headers. */
export function createRequestLog(log: Logger): (request: LoggedRequest) => void {
  // pino's own destination, which its types do not declare.
  const destination = (log as unknown as Record<symbol, DestinationStream>)[pino.symbols.streamSym];
  // Formatted once a millisecond, in which a dozen thumbnails may be sent.
  let last = { at: 0, time: "" };
  return ({ method, route, status, ms, id }) => {
    if (!log.isLevelEnabled("info")) return;
    const at = Date.now();
    if (at !== last.at) last = { at, time: new Date(at).toISOString() };
    const { time } = last;
    const msg = "request";
    const line = { level: "info", time, method, route, status, ms, request_id: id, msg };
    destination?.write(`${JSON.stringify(line)}\n`);
  };
}

/** All lines of one event loop iteration are sent in one write: a write costs more than formatting a line. */
export function inBatches(output: Output): DestinationStream {
  let lines = "";
  const flush = () => {
    if (lines !== "") output.write(lines);
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
