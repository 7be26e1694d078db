import type { GenerationFailure } from "./errors";

/** What a graph needs to name a model; all five fields are required by the server. */
export type ModelIdentifier = {
  key: string;
  hash: string;
  name: string;
  base: string;
  type: string;
};

/** A model that pictures are made with. */
export type MainModel = ModelIdentifier & { format: string; variant: string | null };

/** One installed model. `key` is this server's own, `hash` the same on every server. */
export type InvokeAiModel = MainModel & {
  description: string | null;
  /** What its owner set; each may be open. */
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

/** One image to make: its place in the step and its seed, both whole numbers from 0 to 2³²−1. */
export type BatchSlot = { index: number; seed: number };

/** What the server took: fewer than requested means that its queue is full. */
export type EnqueueAnswer = { requested: number; enqueued: number };

/** Counters of a batch; all zero for one that was never there, or is pruned or cleared. */
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

/** One image of a batch in the making. */
export type BatchItem = {
  itemId: number;
  batchId: string;
  status: ItemStatus;
  /** Grows with each change of state; 0 from servers that do not count. */
  statusSequence: number;
  sessionId: string;
  slotIndex: number | null;
  seed: number | null;
  /** The output's image; a failed or cancelled item may have one too. */
  imageName: string | null;
  /** Some node's output is there; a cancelled item gets them when its run has really stopped. */
  hasResults: boolean;
  failure: GenerationFailure | null;
  createdAt: Date;
  startedAt: Date | null;
  completedAt: Date | null;
};

export type BatchItems = {
  items: BatchItem[];
  /** Items of the batch that the server counts but cannot read: they never run and block its queue until the batch is cancelled. */
  unreadable: number;
};

export type StoredImage = {
  imageName: string;
  width: number;
  height: number;
  isIntermediate: boolean;
  /** The item's session, for an image that a graph made. */
  sessionId: string | null;
  createdAt: Date;
};

/** A picture of a batch, by its own account. */
export type BatchImage = { imageName: string; seed: number };

/** The whole server's queue, of every client. */
export type QueueStatus = {
  pending: number;
  inProgress: number;
  isProcessorRunning: boolean;
  /** It works on something that its queue no longer counts: cancelled or deleted meanwhile, and not interruptible. */
  isFinishingStray: boolean;
};
