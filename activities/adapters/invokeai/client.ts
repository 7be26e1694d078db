import { createHttp } from "../http";
import { createImageCalls } from "./images";
import { createModelCalls } from "./models";
import { createQueueCalls } from "./queue";
import { readDetail } from "./wire";

export type InvokeAiClient = ReturnType<typeof createInvokeAiClient>;

/**
 * InvokeAI's REST API (6.7 to 6.14) as calls with our words: each takes an optional signal last,
 * whose reason it throws when aborted, and otherwise throws ProviderError only. Nothing is retried.
 */
export function createInvokeAiClient(options: {
  /** Without `/api`; may end in a path. */
  baseUrl: string;
  connectionTimeoutMs: number;
  readTimeoutMs: number;
  /** For a proxy in front that wants to see a key. */
  headers?: Readonly<Record<string, string>>;
}) {
  const http = createHttp({ ...options, provider: "invokeai", readDetail });
  return {
    // A server that is there tells its version at once: asked often, it may not hang for long.
    ...createModelCalls(http, options.connectionTimeoutMs),
    ...createImageCalls(http),
    ...createQueueCalls(http),
  };
}
