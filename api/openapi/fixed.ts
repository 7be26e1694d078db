import { sessionCookie } from "../http/owner-session";

/**
 * Request headers, referenced by the routes that read them. Without examples, because Swagger UI would send these with
 * every request, such as the same `Idempotency-Key` each time.
 */
const parameters = {
  IdempotencyKey: {
    name: "Idempotency-Key",
    in: "header",
    description:
      "Chosen by the client. For 24 hours the same key with the same content gets the first answer again; with other content: 409",
    schema: { type: "string", minLength: 1, maxLength: 255, pattern: "^[!-~]+$" },
  },
  IfNoneMatch: {
    name: "If-None-Match",
    in: "header",
    description: 'ETags that the client has, such as `W/"3k9x2m1"`: 304 when one is still current',
    schema: { type: "string" },
  },
  Range: {
    name: "Range",
    in: "header",
    description:
      "One range of bytes, such as `bytes=0-1023`: 206; for several ranges or another form the whole file is sent",
    schema: { type: "string" },
  },
  ShareToken: {
    name: "X-Share-Token",
    in: "header",
    description:
      "A link with a password: the token of its /unlock. A link with limited visits: the token of its first JSON answer",
    schema: { type: "string", maxLength: 4_096 },
  },
  LastEventId: {
    name: "Last-Event-ID",
    in: "header",
    description: "The last id that was received, such as `4711`: missed events are sent first",
    schema: { type: "string" },
  },
};

const headers = {
  RequestId: {
    description: "The same id as in the log; the one of the request if it was well-formed",
    schema: { type: "string" },
    example: "0b6f1c1e-5f0a-4c55-8a7e-0d9a4f8a2b11",
  },
  RetryAfter: {
    description: "Seconds to wait",
    schema: { type: "integer", minimum: 0 },
    example: 5,
  },
  ETag: {
    description: "Of this version of the answer",
    schema: { type: "string" },
    example: 'W/"3k9x2m1"',
  },
};

const securitySchemes = {
  owner: { type: "http", scheme: "bearer", description: "API_TOKEN" },
  session: {
    type: "apiKey",
    in: "cookie",
    name: sessionCookie,
    description: "Set by POST /api/v1/auth/session",
  },
};

export const fixedComponents = { parameters, headers, securitySchemes };
