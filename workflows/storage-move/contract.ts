import { runStart } from "../run-start";
import type { Timings } from "../timings";

/** The row holds the places and the status. */
export type StorageMoveInput = {
  moveId: string;
  /** How far the current pass over the photos is, across runs. */
  afterId?: string | null;
  timings?: Partial<Timings>;
};

/** One move, one run at a time; deleting the old copy is a later run of the same id. */
export const storageMoveId = (moveId: string): string => `storage-move/${moveId}`;

export const storageMoveRun = (input: StorageMoveInput) =>
  runStart({
    type: "storageMove",
    workflowId: storageMoveId(input.moveId),
    args: [input],
    summary: "Move of the photos to another storage",
    entity: input.moveId,
    status: "copying",
  });

/** What a page of a move came to. */
export type MoveView = {
  status: string;
  message: string;
  afterId: string | null;
  next: "over" | "now" | { waitMs: number };
};
