import { createHttp } from "../http";
import { createBoardCalls } from "./boards";
import { createImageCalls } from "./images";
import { createLogin, type Credentials } from "./login";
import { type ModelSubscription, subscribeModelChanges } from "./model-events";
import { createModelCalls } from "./models";
import { type ProgressSubscription, subscribeProgress } from "./progress";
import { createQueueCalls } from "./queue";
import { readDetail } from "./wire";

export type InvokeAiClient = ReturnType<typeof createInvokeAiClient>;

/**
 * InvokeAI's REST API as calls with our words: each takes an optional signal last, whose reason it
 * throws when aborted, and otherwise throws ProviderError only. Nothing is retried but what was
 * refused for want of a fresh login. versions.ts tells which servers it knows.
 */
export function createInvokeAiClient(options: {
  /** Without `/api`; may end in a path. */
  baseUrl: string;
  connectionTimeoutMs: number;
  readTimeoutMs: number;
  /** For a server with accounts; default: none. */
  credentials?: Credentials;
}) {
  const { baseUrl, credentials = null } = options;
  const plain = { ...options, provider: "invokeai" } as const;
  const login = createLogin(createHttp(plain), credentials);
  const http = createHttp({ ...plain, login, readDetail });
  return {
    /** Listens to a batch until its signal ends it; see subscribeProgress. */
    subscribeProgress: (subscription: ProgressSubscription): void =>
      subscribeProgress({ ...subscription, baseUrl, login }),
    /** Listens for installed models until its signal ends it; see subscribeModelChanges. */
    subscribeModelChanges: (subscription: ModelSubscription): void =>
      subscribeModelChanges({ ...subscription, baseUrl, login }),
    // A server that is there tells its version at once: asked often, it may not hang for long.
    ...createModelCalls(http, options.connectionTimeoutMs),
    ...createImageCalls(http),
    ...createQueueCalls(http),
    ...createBoardCalls(http),
  };
}
