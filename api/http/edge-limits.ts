/** Limits for one connection or visitor. Only tests set other values. */
export type EdgeLimits = Readonly<{
  /** For receiving the headers of a request; body and answer have their own limits. */
  headersSeconds: number;
  /** For an answer without progress: longer than a decode may take, and longer than the pauses of an event stream. */
  answerSeconds: number;
  /** Between keep-alive comments of an event stream: proxies and browsers drop a silent connection after a minute or less. */
  keepAliveMs: number;
  /** For a body without progress. */
  bodyStallMs: number;
  /** For a whole body; only time spent waiting for the sender is counted. */
  bodyMs: number;
  /** An upload has `bodyMs`, plus one second for every so many bytes received. */
  uploadBytesPerSecond: number;
  /** Concurrent requests for share links from one address; a browser requests a hundred pictures at once over HTTP/2. */
  requestsPerVisitor: number;
}>;

export const edgeLimits: EdgeLimits = {
  headersSeconds: 15,
  answerSeconds: 120,
  keepAliveMs: 15_000,
  bodyStallMs: 30_000,
  bodyMs: 60_000,
  uploadBytesPerSecond: 16 * 1024,
  requestsPerVisitor: 256,
};
