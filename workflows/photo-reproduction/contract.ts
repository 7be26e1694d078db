import { defineSignal } from "@temporalio/workflow";
import type { Timings } from "../timings";

/** What is to be done for the photo is read from its rows. */
export type PhotoReproductionInput = { photoId: string; timings?: Partial<Timings> };

/** One photo, one run: a second start is the same run. */
export const photoReproductionId = (photoId: string): string => `photo-reproduction/${photoId}`;

/** A request was written; a run that is about to end looks again. */
export const reproductionRequested = defineSignal("reproductionRequested");

/** Why no picture came that could be compared. */
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

/** How a batch ended: with a picture, without one for good, or so that it is worth another one. */
export type ReproducedBatch =
  | { state: "made" }
  | { state: "impossible"; reason: Impossible }
  | { state: "interrupted" };
