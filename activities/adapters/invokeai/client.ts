import { createHttp } from "../http";
import { createBoardCalls } from "./boards";
import { createImageCalls } from "./images";
import { type ImageSubscription, subscribeSavedImages } from "./image-events";
import { createInstallCalls } from "./installs";
import { createLogin, type Credentials } from "./login";
import { type ModelSubscription, subscribeModelChanges } from "./model-events";
import { createModelCalls } from "./models";
import { type ProgressSubscription, subscribeProgress } from "./progress";
import { createQueueCalls } from "./queue";
import { readDetail } from "./wire";
import { createWorkflowCalls } from "./workflows";

export type InvokeAiClient = ReturnType<typeof createInvokeAiClient>;

/**
 * InvokeAI's REST API in our terms. Each call takes an optional signal last, whose reason it throws when aborted;
 * otherwise it throws only ProviderError. Only a call that needs a new login is retried. Supported versions: versions.ts.
 */
export function createInvokeAiClient(options: {
  /** Without `/api`; may end in a path. */
  baseUrl: string;
  connectionTimeoutMs: number;
  readTimeoutMs: number;
  /** For a server with accounts; default: none. */
  credentials?: Credentials;
  onWait?: (limitMs: number) => void;
}) {
  const { baseUrl, credentials = null } = options;
  const withoutLogin = { ...options, provider: "invokeai" } as const;
  const login = createLogin(createHttp(withoutLogin), credentials);
  const http = createHttp({ ...withoutLogin, login, readDetail });
  return {
    /** Listens to a batch until its signal aborts; see subscribeProgress. */
    subscribeProgress: (subscription: ProgressSubscription): void =>
      subscribeProgress({ ...subscription, baseUrl, login }),
    /** Listens for installed models until its signal aborts; see subscribeModelChanges. */
    subscribeModelChanges: (subscription: ModelSubscription): void =>
      subscribeModelChanges({ ...subscription, baseUrl, login }),
    /** Listens for images of InvokeAI's gallery until its signal aborts; see subscribeSavedImages. */
    subscribeSavedImages: (subscription: ImageSubscription): void =>
      subscribeSavedImages({ ...subscription, baseUrl, login }),
    // A running server returns its version at once, and this call is frequent: a short time-out.
    ...createModelCalls(http, options.connectionTimeoutMs),
    ...createImageCalls(http),
    ...createInstallCalls(http),
    ...createQueueCalls(http),
    ...createBoardCalls(http),
    ...createWorkflowCalls(http),
  };
}
