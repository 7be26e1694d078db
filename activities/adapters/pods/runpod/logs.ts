import { Value } from "@sinclair/typebox/value";
import { ProviderError } from "#errors";
import type { Http } from "../../http";
import { hideSecrets } from "./errors";
import { pathOf } from "./pods";
import { LogLine } from "./wire";

/** The stream has no end, and of a pod without a log no event comes at all. */
const listenForMs = 3_000;
const maxBytes = 256 * 1024;

/** Calls about the log that RunPod itself writes of a pod. */
export function createLogCalls(http: Http, apiKey: string) {
  return {
    async lastLogLine(podId: string, signal?: AbortSignal): Promise<string | null> {
      const enough = new AbortController();
      const timer = setTimeout(() => enough.abort(), listenForMs);
      const signals = signal ? [signal, enough.signal] : [enough.signal];
      const decoder = new TextDecoder();
      let text = "";
      const sink = {
        async write(chunk: Uint8Array) {
          text += decoder.decode(chunk, { stream: true });
          if (lastLineOf(text) !== undefined) enough.abort();
        },
      };
      try {
        const query = { source: "system", tail: 1 };
        await http.download(
          { path: `${pathOf(podId)}/logs`, query, accept: "text/event-stream", maxBytes },
          sink,
          AbortSignal.any(signals),
        );
      } catch (error) {
        signal?.throwIfAborted();
        const isGone = error instanceof ProviderError && error.fault === "missing";
        if (!enough.signal.aborted && !isGone) throw error;
      } finally {
        clearTimeout(timer);
      }
      const line = lastLineOf(text);
      return line === undefined ? null : hideSecrets(line, [apiKey]);
    },
  };
}

/** The line of the newest complete event (Server-Sent Events, WHATWG HTML 9.2.6: a blank line ends an event). */
function lastLineOf(text: string): string | undefined {
  const events = text.replaceAll("\r\n", "\n").split("\n\n").slice(0, -1);
  return events
    .flatMap((event) => event.split("\n"))
    .filter((line) => line.startsWith("data:"))
    .map((line) => readLine(line.slice("data:".length)))
    .findLast((line) => line !== undefined);
}

function readLine(json: string): string | undefined {
  try {
    const data: unknown = JSON.parse(json);
    return Value.Check(LogLine, data) ? data.line : undefined;
  } catch {
    return undefined;
  }
}
