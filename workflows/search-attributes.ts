import { defineSearchAttributeKey, type SearchAttributePair } from "@temporalio/common";

/** Keywords by which a run is found in the Temporal web UI; the worker registers them at its start. */
export const searchAttributes = {
  /** The id of the session, step or photo the run is about. */
  entity: defineSearchAttributeKey("GalleryEntity", "KEYWORD"),
  /** Where it stands, in one word. */
  status: defineSearchAttributeKey("GalleryStatus", "KEYWORD"),
  /** The session it belongs to. */
  session: defineSearchAttributeKey("GallerySession", "KEYWORD"),
} as const;

/** What a run is found by from its start; a session only where it has one. */
export function searchAttributesOf(run: {
  entity: string;
  session?: string | null | undefined;
  status?: string;
}): SearchAttributePair[] {
  return (["entity", "session", "status"] as const).flatMap((name) => {
    const value = run[name];
    return typeof value === "string" ? [{ key: searchAttributes[name], value }] : [];
  });
}
