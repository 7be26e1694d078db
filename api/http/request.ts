import type { Client } from "./client";
import type { EdgeLimits } from "./edge-limits";

/** What the server knows about a request's connection. */
export type Connection = Readonly<{
  address: string | undefined;
  /** The segments of the path as they were sent, percent-decoded once; null where they are not known. */
  sentSegments: readonly string[] | null;
  /** Sets how long an answer may take without progress; 0: no limit. */
  setAnswerTime(seconds: number): void;
}>;

/** Time limits for receiving a body. */
export type BodyLimits = Pick<EdgeLimits, "bodyStallMs" | "bodyMs" | "uploadBytesPerSecond">;

/** A request and everything the server knows about it. Created once, on arrival, and passed to all code that handles it. */
export class IncomingRequest {
  readonly request: Request;
  readonly client: Client;
  readonly bodyLimits: BodyLimits;
  /** A HEAD is handled as a GET whose body is not sent; for the rare GET with a side effect, which a HEAD must not have. */
  readonly isHead: boolean;
  /** Whether the route needs no token; its JSON body then has a smaller limit. */
  isOpenToAll = false;
  /** Whether the body may be the form of a step. */
  takesStepForm = false;
  /** The mask in the form of a step. */
  mask: Uint8Array | undefined;
  /** Whether the rest of the body stays unread: the connection cannot be used for another request. */
  isBodyCut = false;
  readonly #connection: Connection | undefined;
  #id: string | undefined;

  constructor(
    request: Request,
    known: { client: Client; connection: Connection | undefined; bodyLimits: BodyLimits },
  ) {
    this.request = request;
    this.client = known.client;
    this.bodyLimits = known.bodyLimits;
    this.isHead = request.method === "HEAD";
    this.#connection = known.connection;
  }

  /** The client's `X-Request-Id` if it is a well-formed token, else a new id. */
  get id(): string {
    return (this.#id ??= idOf(this.request));
  }

  /** Undefined for a request that did not come through a server; its URL then holds the path as it was sent. */
  get sentSegments(): readonly string[] | null | undefined {
    return this.#connection?.sentSegments;
  }

  /** Removes the time limit of the answer: for work that grows with the body, after the whole body was received. */
  allowAnyDuration(): void {
    this.#connection?.setAnswerTime(0);
  }
}

function idOf({ headers }: Request): string {
  const given = headers.get("x-request-id");
  return given !== null && /^[A-Za-z0-9._-]{1,128}$/.test(given) ? given : crypto.randomUUID();
}
