import { defineSearchAttributeKey } from "@temporalio/common";

/** Keywords by which a run is found in the Temporal web UI; the worker registers them at its start. */
export const searchAttributes = {
  /** The id of the session, step or photo the run is about. */
  entity: defineSearchAttributeKey("GalleryEntity", "KEYWORD"),
  /** Where it stands, in one word. */
  status: defineSearchAttributeKey("GalleryStatus", "KEYWORD"),
  /** The session it belongs to. */
  session: defineSearchAttributeKey("GallerySession", "KEYWORD"),
} as const;
