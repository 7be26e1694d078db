import { defineSearchAttributeKey, type SearchAttributePair } from "@temporalio/common";

/** Keywords to find a run by in the Temporal web UI; the worker registers them when it starts. */
export const searchAttributes = {
  /** The id of the session, step or photo the run is about. */
  entity: defineSearchAttributeKey("GalleryEntity", "KEYWORD"),
  /** Its status, in one word. */
  status: defineSearchAttributeKey("GalleryStatus", "KEYWORD"),
  /** The session it belongs to. */
  session: defineSearchAttributeKey("GallerySession", "KEYWORD"),
} as const;

/** The search attributes of a run at its start. */
export function searchAttributesOf(run: {
  entity?: string | undefined;
  session?: string | undefined;
  status: string;
}): SearchAttributePair[] {
  return (["entity", "session", "status"] as const).flatMap((name) => {
    const value = run[name];
    return typeof value === "string" ? [{ key: searchAttributes[name], value }] : [];
  });
}
