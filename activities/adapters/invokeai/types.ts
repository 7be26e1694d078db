import type { GenerationFailure } from "./errors";

/** Identifies a model in a graph; the server requires all five fields. */
export type ModelIdentifier = {
  key: string;
  hash: string;
  name: string;
  base: string;
  type: string;
};

/** A model that images are generated with. */
export type MainModel = ModelIdentifier & { format: string; variant: string | null };

/** One installed model. `key` is specific to this server, `hash` is the same on every server. */
export type InvokeAiModel = MainModel & {
  description: string | null;
  /** The repository of the image encoder that a folder of an IP-Adapter names; null: the model names none. */
  imageEncoder: string | null;
  /** Defaults set in InvokeAI; null: not set. */
  settings: {
    width: number | null;
    height: number | null;
    steps: number | null;
    cfgScale: number | null;
    scheduler: string | null;
    guidance: number | null;
    vaeKey: string | null;
  };
};

/** One requested image: its index in the step and its seed, both integers from 0 to 2³²−1. */
export type BatchSlot = { index: number; seed: number };

/** The values of a node's field that differ between the slots of a batch, in their order. */
export type BatchValues = {
  node: string;
  field: string;
  values: string[] | number[] | { image_name: string }[];
};

/** How many items the server accepted: fewer than requested means that its queue is full. */
export type EnqueueAnswer = { requested: number; enqueued: number };

/** Counters of a batch; all zero if it never existed, or was pruned or cleared. */
export type BatchStatus = {
  total: number;
  pending: number;
  inProgress: number;
  completed: number;
  failed: number;
  cancelled: number;
};

/** `cancelled` without a request of ours means that the server was restarted. */
export type ItemStatus = "pending" | "in_progress" | "completed" | "failed" | "cancelled";

/** One image of a batch. */
export type BatchItem = {
  itemId: number;
  batchId: string;
  status: ItemStatus;
  /** Grows with each change of state; 0 from servers that do not count. */
  statusSequence: number;
  sessionId: string;
  slotIndex: number | null;
  seed: number | null;
  /** The output image; a failed or cancelled item may have one too. */
  imageName: string | null;
  /** All output images: which output, from 0, and the name, in the order in which they were made. */
  pictures: { output: number; imageName: string }[];
  /** Any node has an output; a cancelled item gets its outputs only once it has really stopped. */
  hasResults: boolean;
  failure: GenerationFailure | null;
  createdAt: Date;
  startedAt: Date | null;
  completedAt: Date | null;
};

export type BatchItems = {
  items: BatchItem[];
  /**
   * Items of the batch that the server counts but cannot load: they never run and block its queue until the batch is
   * cancelled.
   */
  unreadable: number;
};

export type StoredImage = {
  imageName: string;
  width: number;
  height: number;
  isIntermediate: boolean;
  /** The item's session, for a generated image. */
  sessionId: string | null;
  createdAt: Date;
};

/** An image as InvokeAI's gallery shows it. */
export type GalleryImage = {
  imageName: string;
  createdAt: Date;
  isStarred: boolean;
  /** null: on no board. */
  boardId: string | null;
};

/** An image of a batch, according to its metadata; `output`: which of those that an item makes. */
export type BatchImage = { imageName: string; seed: number; output: number };

/** The server's whole queue, for all clients. */
export type QueueStatus = {
  pending: number;
  inProgress: number;
  /** Items that have ended in any state and were not pruned. */
  ended: number;
  /** The batch of the running item. */
  currentBatchId: string | null;
  isProcessorRunning: boolean;
  /** It still works on an item that its queue no longer counts: cancelled or deleted, but not interruptible. */
  isFinishingRemovedItem: boolean;
};
