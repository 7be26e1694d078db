import { sessionCookie } from "../owner-session";

/** Headers that a request may have, referred to by the routes that read them. */
const parameters = {
  IdempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    description:
      "Of your making. The same key with the same content gets the first answer again for 24 hours, with other content 409.",
    schema: { type: "string", minLength: 1, maxLength: 255, pattern: "^[!-~]+$" },
    example: "4c1d7a52-6f0e-4b0c-9d53-9a4f3c2b1e00",
  },
  IfNoneMatch: {
    name: "If-None-Match",
    in: "header",
    description: "ETags that the client has: 304 when one is still true",
    schema: { type: "string" },
    example: 'W/"3k9x2m1"',
  },
  Range: {
    name: "Range",
    in: "header",
    description: "One range of bytes: 206; several, or what is not understood, get the whole",
    schema: { type: "string" },
    example: "bytes=0-1023",
  },
  LastEventId: {
    name: "Last-Event-ID",
    in: "header",
    description: "The last id that was seen: all that was missed comes first",
    schema: { type: "string" },
    example: "4711",
  },
};

const headers = {
  RequestId: {
    description: "The same as in the log, and that of the request when it was a sane one",
    schema: { type: "string" },
    example: "0b6f1c1e-5f0a-4c55-8a7e-0d9a4f8a2b11",
  },
  RetryAfter: {
    description: "Seconds to wait",
    schema: { type: "integer", minimum: 0 },
    example: 5,
  },
  ETag: { description: "Of what is answered", schema: { type: "string" }, example: 'W/"3k9x2m1"' },
};

const securitySchemes = {
  owner: { type: "http", scheme: "bearer", description: "API_TOKEN" },
  session: {
    type: "apiKey",
    in: "cookie",
    name: sessionCookie,
    description: "What POST /api/v1/auth/session sets",
  },
};

export const fixedComponents = { parameters, headers, securitySchemes };
