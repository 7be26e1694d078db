import { defineSignal } from "@temporalio/workflow";
import { runStart } from "../run-start";
import type { Timings } from "../timings";

/** The photo's rows hold the requests. */
export type PhotoReproductionInput = { photoId: string; timings?: Partial<Timings> };

/** One photo, one run: a second start is the same run. */
export const photoReproductionId = (photoId: string): string => `photo-reproduction/${photoId}`;

export const photoReproductionRun = (input: PhotoReproductionInput) =>
  runStart({
    type: "photoReproduction",
    workflowId: photoReproductionId(input.photoId),
    args: [input],
    summary: "Generate a photo again and compare",
    entity: input.photoId,
    status: "waiting",
  });

/** A request was written; a run that is about to end reads the rows again. */
export const reproductionRequested = defineSignal("reproductionRequested");

/** Why there is no picture to compare. */
export type Impossible =
  | "no_recorded_graph"
  | "graph_unknown"
  | "graph_refused"
  | "model_gone"
  | "model_differs"
  | "source_gone"
  | "out_of_memory"
  | "interrupted"
  | "failed";

/**
 * How a batch ended: with a picture, with a permanent failure, or interrupted, after which another batch is worth
 * sending.
 */
export type ReproducedBatch =
  | { state: "made" }
  | { state: "impossible"; reason: Impossible }
  | { state: "interrupted" };
