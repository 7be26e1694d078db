/** Every route the simulator speaks, by a short name: faults and counters go by these names. */
export const routes = {
  version: "GET /api/v1/app/version",
  authStatus: "GET /api/v1/auth/status",
  login: "POST /api/v1/auth/login",
  openapi: "GET /openapi.json",
  listModels: "GET /api/v2/models/",
  getModel: "GET /api/v2/models/i/{key}",
  getModelByHash: "GET /api/v2/models/get_by_hash",
  enqueueBatch: "POST /api/v1/queue/{queue}/enqueue_batch",
  batchStatus: "GET /api/v1/queue/{queue}/b/{batch}/status",
  queueStatus: "GET /api/v1/queue/{queue}/status",
  currentItem: "GET /api/v1/queue/{queue}/current",
  nextItem: "GET /api/v1/queue/{queue}/next",
  listAll: "GET /api/v1/queue/{queue}/list_all",
  itemIds: "GET /api/v1/queue/{queue}/item_ids",
  itemsByIds: "POST /api/v1/queue/{queue}/items_by_ids",
  getItem: "GET /api/v1/queue/{queue}/i/{item}",
  deleteItem: "DELETE /api/v1/queue/{queue}/i/{item}",
  deleteByDestination: "DELETE /api/v1/queue/{queue}/d/{destination}",
  cancelItem: "PUT /api/v1/queue/{queue}/i/{item}/cancel",
  cancelByBatchIds: "PUT /api/v1/queue/{queue}/cancel_by_batch_ids",
  cancelByDestination: "PUT /api/v1/queue/{queue}/cancel_by_destination",
  pruneQueue: "PUT /api/v1/queue/{queue}/prune",
  clearQueue: "PUT /api/v1/queue/{queue}/clear",
  pauseProcessor: "PUT /api/v1/queue/{queue}/processor/pause",
  resumeProcessor: "PUT /api/v1/queue/{queue}/processor/resume",
  uploadImage: "POST /api/v1/images/upload",
  listImages: "GET /api/v1/images/",
  imageNames: "GET /api/v1/images/names",
  deleteImages: "POST /api/v1/images/delete",
  getImage: "GET /api/v1/images/i/{name}",
  deleteImage: "DELETE /api/v1/images/i/{name}",
  imageFull: "GET /api/v1/images/i/{name}/full",
  imageHead: "HEAD /api/v1/images/i/{name}/full",
  imageThumbnail: "GET /api/v1/images/i/{name}/thumbnail",
  imageMetadata: "GET /api/v1/images/i/{name}/metadata",
  listBoards: "GET /api/v1/boards/",
  createBoard: "POST /api/v1/boards/",
  deleteBoard: "DELETE /api/v1/boards/{board}",
  socket: "GET /ws/socket.io",
} as const;

export type RouteName = keyof typeof routes;

/** What an HTTP route does wrong. */
type RouteFaultKind =
  | { kind: "delay"; delayMs: number } // processed and answered, but later
  | { kind: "unreachable" } // connection cut before anything is done
  | { kind: "hang" } // neither processed nor answered; ends when the client leaves
  // Not processed before the release; a client that leaves takes its request back, unless told otherwise.
  | { kind: "request_held"; outlivesClient?: boolean }
  | { kind: "answer_held" } // processed; answered at the release, if the client is still there
  | { kind: "answer_lost" } // processed; connection cut instead of an answer
  // Not processed unless `processed` says so.
  | { kind: "status_500_json" | "status_500_text" | "status_502_html"; processed?: boolean }
  | { kind: "status_200_html" | "not_found"; processed?: boolean }
  | { kind: "truncated_body" } // full Content-Length, half the bytes, connection cut
  | { kind: "stalled_body" } // full Content-Length, half the bytes, then silence until the release
  | { kind: "wrong_length" } // whole body, Content-Length too high, connection closed
  | { kind: "truncated_png" } // sound HTTP around half a picture
  | { kind: "wrong_size_png" } // sound HTTP around a sound picture of 16 by 16
  | { kind: "gzipped" } // compressed whoever asks, pictures too, as proxies and 6.13 do
  | { kind: "wrong_content_type" }; // right bytes as text/plain

export type RouteFault = RouteFaultKind & {
  route: RouteName | "any";
  /** Only requests whose path and query contain this text. */
  urlIncludes?: string;
  /** How many matching requests pass before the first strike (default 0). */
  skip?: number;
  /** How often it strikes (default: always). */
  times?: number;
};

/** Where an item is frozen. */
export type HeldStep = number | "decoding" | "saved";

/** What goes wrong in generation; `item` is the position within its batch, from 0. */
export type GenerationFault =
  | {
      kind: "item_failure";
      item?: number;
      errorType: string;
      errorMessage: string;
      times?: number; // default 1
    }
  // Freezes an item before denoising step `step` (from 0), or with its image saved but its result
  // not yet written, until the release, a cancel or a restart; in its decoding no cancel reaches it.
  | { kind: "step_held"; item?: number; step?: HeldStep; times?: number } // default 1
  // The batch leaves the queue when that many of its items have ended (default 0: at once).
  | { kind: "batch_vanish"; afterItems?: number; times?: number } // default 1
  | { kind: "queue_full"; maxQueueSize: number }
  | { kind: "processor_paused" }
  | { kind: "socket_silent" } // connected, but no events
  // Each event comes so late as the next of these says, in turn: they overtake each other, and some come after the end.
  | { kind: "socket_late"; delaysMs: number[] };

export type Fault = RouteFault | GenerationFault;

export type FaultState = { id: number; fault: Fault; struck: number };

/** What the simulator has seen and done since it started; a restart of its service keeps it. */
export type SimulatorState = {
  stepDelayMs: number;
  restarts: number;
  sockets: number;
  requests: Partial<Record<RouteName | "other", number>>;
  faults: FaultState[];
  /** Requests and answers that wait for the release or for their client to leave. */
  held: { route: RouteName | "other"; phase: "request" | "answer" }[];
  /** The item that a `step_held` fault has stopped. */
  frozen: { itemId: number; batchId: string; step: HeldStep } | null;
  queue: {
    pending: number;
    inProgress: number;
    completed: number;
    failed: number;
    canceled: number;
  };
  enqueues: {
    batchId: string;
    destination: string | null;
    requested: number;
    enqueued: number;
    itemIds: number[];
    seeds: (number | null)[];
  }[];
  /** Pictures made by output nodes (not intermediate ones). */
  generated: { batchId: string; itemId: number; seed: number | null; imageName: string }[];
  uploads: { imageName: string }[];
  /** Full pictures asked for; `sent` is false where a fault spoiled the answer. */
  downloads: { imageName: string; sent: boolean }[];
};

/** Requests under `/__control/`, which the real server does not have. */
export const controlPaths = {
  state: "/__control/state",
  faults: "/__control/faults",
  release: "/__control/release",
  restart: "/__control/restart",
  stepDelay: "/__control/step-delay",
  dropSockets: "/__control/drop-sockets",
  wipe: "/__control/wipe",
  vanishBatch: "/__control/vanish-batch",
  installModel: "/__control/install-model",
  removeModel: "/__control/remove-model",
  rekeyModel: "/__control/rekey-model",
  password: "/__control/password",
} as const;
