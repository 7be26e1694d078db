import { exampleId } from "./examples";

/** The statuses that every route can answer, besides its own. */
export const commonStatuses = ["400", "401", "403", "500", "503"];

export const statusDescriptions: Record<string, string> = {
  "200": "Done",
  "201": "Created",
  "202": "Accepted; the work goes on",
  "204": "Done; no content",
  "206": "The requested range",
  "303": "Redirects to the page",
  "304": "Not changed",
  "400": "The request is invalid; see details.errors",
  "401": "The owner's token is missing or wrong",
  "403": "An unknown host name, or a change from another site",
  "404": "Not found",
  "409": "The current state does not allow it",
  "413": "Too many files or bytes",
  "415": "The content is of a type that is not accepted",
  "416": "The range is beyond the end",
  "422": "The picture cannot be accepted",
  "429": "Too many attempts or concurrent requests; Retry-After says when to try again",
  "500": "An error of this server",
  "502": "InvokeAI failed",
  "503": "The database does not answer; Retry-After says when to try again",
  "507": "No space left for photos",
};

/** What an error of each status looks like: code and message. */
export const errorExamples: Record<string, [string, string]> = {
  "400": ["validation_error", "The body is not as expected; see details.errors."],
  "401": ["unauthorized", "Send the owner's token: Authorization: Bearer <API_TOKEN>."],
  "403": [
    "forbidden",
    "This host name is not served here; add it to ALLOWED_HOSTS if it should be.",
  ],
  "404": ["not_found", "There is no such photo."],
  "409": ["conflict", "This Idempotency-Key was used with other content; take a new key."],
  "413": ["payload_too_large", "A JSON body may hold at most 1048576 bytes."],
  "415": ["unsupported_media_type", "Send the body as JSON: Content-Type: application/json."],
  "416": ["validation_error", "The range is beyond the end."],
  "422": ["image_rejected", "The picture cannot be decoded; it may be cut short."],
  "429": ["rate_limited", "Too many tries; wait before the next one."],
  "500": [
    "server_error",
    "Something went wrong on this server; its log has the details under this request id.",
  ],
  "502": ["invokeai_connection_error", "InvokeAI does not answer."],
  "503": ["database_unavailable", "The database does not answer; try again in a few seconds."],
  "507": ["storage_error", "There is no room left; make some and send it again."],
};

/** By parameter name: its description where the route has none, and its example in a path. */
export const parameterTexts: Record<string, { description: string; example?: string }> = {
  id: { description: "An id; malformed: 404", example: exampleId },
  photo_id: { description: "A photo's id", example: exampleId },
  album_id: { description: "In this album" },
  session_id: { description: "Made in this session" },
  step_id: { description: "Made in this step" },
  key: { description: "The key of a link" },
  limit: { description: "The maximum number of items" },
  offset: { description: "The number of items to skip; not together with cursor" },
  cursor: { description: "next_cursor of the page before; not together with offset" },
  exact_total: { description: "Count beyond 10 000 too" },
  total: { description: "false leaves the count out: total and total_relation are null" },
  v: { description: "The version in a photo object's URLs: with it the answer may be cached" },
  page: { description: "The page of photos, starting with 1" },
};

/** Order and meaning of the groups. */
export const tags = [
  { name: "photos", description: "Upload, search, view, edit, delete and restore photos" },
  { name: "albums", description: "Photos in the owner's order" },
  { name: "share links", description: "The owner's side of sharing" },
  { name: "shared", description: "The content of a share link, for programs; public" },
  { name: "share pages", description: "The content of a share link, for people; public" },
  { name: "generation", description: "Sessions, steps, choices" },
  { name: "events", description: "Events, as they happen" },
  { name: "models", description: "The models of InvokeAI" },
  { name: "recipes", description: "Workflows of InvokeAI that steps can run" },
  { name: "templates", description: "Saved prompts" },
  { name: "wordlists", description: "Lists of words for expanded prompts" },
  { name: "settings", description: "Settings that can be changed at run time" },
  { name: "backend", description: "Where InvokeAI runs" },
  { name: "service", description: "The server itself" },
];
