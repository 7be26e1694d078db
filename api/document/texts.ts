/** What every route that takes part in the checks can answer, besides its own. */
export const commonStatuses = ["400", "401", "403", "500", "503"];

export const statusDescriptions: Record<string, string> = {
  "200": "Done",
  "201": "Made",
  "202": "Accepted; the work goes on",
  "204": "Done, nothing to say",
  "206": "The range that was asked for",
  "303": "See the page",
  "304": "Not changed",
  "400": "The request is at fault; see details.errors",
  "401": "The owner's token is missing or wrong",
  "403": "A foreign host name, or a change from another site",
  "404": "There is no such thing",
  "409": "The present state does not allow it",
  "413": "Too many files or bytes",
  "415": "Content of a type that is not taken",
  "416": "A range beyond the end",
  "422": "A picture that cannot be taken",
  "429": "Too many tries; Retry-After says when to try again",
  "500": "A fault of this server",
  "502": "InvokeAI failed",
  "503": "The database does not answer; Retry-After says when to try again",
  "507": "No room left for photos",
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
  "416": ["validation_error", "The range lies beyond the end."],
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

const id = "018f6d2c-7b1a-7c3e-9a51-3f2b8c4d5e6f";

/** Of a parameter, by its name: what it means where the route does not say, and what it may be. */
export const parameterTexts: Record<string, { description: string; example?: string | number }> = {
  id: { description: "Of the thing; malformed: 404", example: id },
  photo_id: { description: "Of a photo", example: id },
  album_id: { description: "In this album", example: id },
  session_id: { description: "Made in this session", example: id },
  step_id: { description: "Made in this step", example: id },
  key: { description: "A link's key, or a model's" },
  limit: { description: "How many at most", example: 20 },
  offset: { description: "How many to skip; not together with cursor", example: 0 },
  cursor: { description: "next_cursor of the page before; not together with offset" },
  exact_total: { description: "Count beyond 10 000 as well" },
  v: { description: "The version in the address of a photo object: with it an answer may be kept" },
  page: { description: "Of the photos, beginning with 1", example: 1 },
};

/** Order and meaning of the groups. */
export const tags = [
  { name: "photos", description: "Taken in, found, shown, changed, thrown away and brought back" },
  { name: "albums", description: "Photos in an order of the owner's" },
  { name: "share links", description: "The owner's side of sharing" },
  { name: "shared", description: "What is behind a link's key, for programs; public" },
  { name: "share pages", description: "What is behind a link's key, for people; public" },
  { name: "generation", description: "Sessions, steps, choices" },
  { name: "events", description: "What happens, as it happens" },
  { name: "models", description: "What pictures can be made with" },
  { name: "templates", description: "Prompts kept for another time" },
  { name: "settings", description: "What can be changed while everything runs" },
  { name: "backend", description: "Where InvokeAI runs" },
  { name: "service", description: "The server itself" },
];
