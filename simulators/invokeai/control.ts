/** Every route that the simulator supports, by a short name that faults and counters use. */
export const routes = {
  version: "GET /api/v1/app/version",
  authStatus: "GET /api/v1/auth/status",
  login: "POST /api/v1/auth/login",
  setup: "POST /api/v1/auth/setup",
  openapi: "GET /openapi.json",
  listWorkflows: "GET /api/v1/workflows/",
  getWorkflow: "GET /api/v1/workflows/i/{workflow}",
  listModels: "GET /api/v2/models/",
  missingModels: "GET /api/v2/models/missing",
  getModel: "GET /api/v2/models/i/{key}",
  getModelByHash: "GET /api/v2/models/get_by_hash",
  starterModels: "GET /api/v2/models/starter_models",
  installModel: "POST /api/v2/models/install",
  listInstalls: "GET /api/v2/models/install",
  pruneInstalls: "DELETE /api/v2/models/install",
  getInstall: "GET /api/v2/models/install/{id}",
  cancelInstall: "DELETE /api/v2/models/install/{id}",
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
  imagesByNames: "POST /api/v1/images/images_by_names",
  changeImage: "PATCH /api/v1/images/i/{name}",
  deleteImages: "POST /api/v1/images/delete",
  getImage: "GET /api/v1/images/i/{name}",
  deleteImage: "DELETE /api/v1/images/i/{name}",
  imageFull: "GET /api/v1/images/i/{name}/full",
  imageHead: "HEAD /api/v1/images/i/{name}/full",
  imageThumbnail: "GET /api/v1/images/i/{name}/thumbnail",
  imageMetadata: "GET /api/v1/images/i/{name}/metadata",
  listBoards: "GET /api/v1/boards/",
  createBoard: "POST /api/v1/boards/",
  changeBoard: "PATCH /api/v1/boards/{board}",
  deleteBoard: "DELETE /api/v1/boards/{board}",
  boardImages: "GET /api/v1/boards/{board}/image_names",
  addToBoard: "POST /api/v1/board_images/",
  removeFromBoard: "DELETE /api/v1/board_images/",
  socket: "GET /ws/socket.io",
} as const;

export type RouteName = keyof typeof routes;

/** The faults of an HTTP route. */
type RouteFaultKind =
  | { kind: "delay"; delayMs: number } // processed and answered, but later
  | { kind: "unreachable" } // connection cut before anything is done
  | { kind: "hang" } // neither processed nor answered; ends when the client disconnects
  // Not processed before the release; cancelled when the client disconnects, unless `outlivesClient`.
  | { kind: "request_held"; outlivesClient?: boolean }
  | { kind: "answer_held" } // processed; answered at the release, if the client is still connected
  | { kind: "answer_lost" } // processed; connection cut instead of an answer
  // Not processed unless `processed` says so.
  | { kind: "status_500_json" | "status_500_text" | "status_502_html"; processed?: boolean }
  | { kind: "status_200_html" | "not_found"; processed?: boolean }
  | { kind: "dripped_body"; everyMs: number } // full Content-Length, one byte at a time, until the client disconnects
  | { kind: "truncated_body" } // full Content-Length, half the bytes, connection cut
  | { kind: "stalled_body" } // full Content-Length, half the bytes, then silence until the release
  | { kind: "wrong_length" } // whole body, Content-Length too high, connection closed
  | { kind: "truncated_png" } // correct HTTP, half a picture
  | { kind: "wrong_size_png" } // correct HTTP, a valid picture of 16 by 16
  | { kind: "gzipped" } // always compressed, pictures too, as by proxies and 6.13
  | { kind: "wrong_content_type" }; // correct bytes, declared as text/plain

export type RouteFault = RouteFaultKind & {
  route: RouteName | "any";
  /** Only requests whose path and query contain this text. */
  urlIncludes?: string;
  /** How many matching requests pass before the fault is first triggered (default 0). */
  skip?: number;
  /** How often it is triggered (default: always). */
  times?: number;
};

/** The point at which an item is frozen. */
export type HeldStep = number | "decoding" | "recorded" | "half_written" | "saved";

/** The faults of generation; `item` is the position within its batch, from 0. */
export type GenerationFault =
  | {
      kind: "item_failure";
      item?: number;
      errorType: string;
      errorMessage: string;
      times?: number; // default 1
    }
  // Freezes an item until the release, a cancel or a restart: before denoising step `step` (from 0), or when its image
  // is saved but its result is not. From "decoding" to "half_written" a cancel has no effect.
  | { kind: "step_held"; item?: number; step?: HeldStep; times?: number } // default 1
  // The batch disappears from the queue when that many of its items have ended (default 0: at once).
  | { kind: "batch_vanish"; afterItems?: number; times?: number } // default 1
  | { kind: "install_failure"; source?: string; errorReason: string; times?: number } // default 1
  | { kind: "install_held"; source?: string; times?: number } // default 1; a download stands still until the release
  | { kind: "hub_away" } // an install by repository answers 500
  | { kind: "queue_full"; maxQueueSize: number }
  | { kind: "processor_paused" }
  | { kind: "socket_silent" } // connected, but no events
  // Each event is delayed by the next value in turn, so events overtake each other and some arrive after the end.
  | { kind: "socket_late"; delaysMs: number[] };

export type Fault = RouteFault | GenerationFault;

export type FaultState = { id: number; fault: Fault; struck: number };

/** The simulator's history since it started; a restart of its service keeps it. */
export type SimulatorState = {
  stepDelayMs: number;
  restarts: number;
  sockets: number;
  /** The sockets that receive the queue's events. */
  subscribers: number;
  requests: Partial<Record<RouteName | "other", number>>;
  faults: FaultState[];
  /** Requests and answers that wait for the release or until their client disconnects. */
  held: { route: RouteName | "other"; phase: "request" | "answer" }[];
  /** The item that a `step_held` fault has frozen. */
  frozen: { itemId: number; batchId: string; step: HeldStep } | null;
  /** The downloads that an `install_held` fault has stopped. */
  heldInstalls: { source: string }[];
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
  /** Pictures made by output nodes, without intermediate ones. */
  generated: {
    batchId: string;
    itemId: number;
    nodeId: string;
    seed: number | null;
    imageName: string;
  }[];
  uploads: { imageName: string }[];
  /** Requests for full pictures; `sent` is false when a fault damaged the answer. */
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
  addPictures: "/__control/add-pictures",
  addModel: "/__control/add-model",
  removeModel: "/__control/remove-model",
  loseModelFiles: "/__control/lose-model-files",
  rekeyModel: "/__control/rekey-model",
  password: "/__control/password",
} as const;
