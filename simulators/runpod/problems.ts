import type { Answer } from "../invokeai/answers.ts";

const titles: Record<number, string> = {
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Content Too Large",
  422: "Unprocessable Entity",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** A refused request; thrown by a route, answered as `application/problem+json`. */
export class Problem extends Error {
  readonly status: number;
  readonly errors: string[] | undefined;

  constructor(status: number, detail: string, errors?: string[]) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }
}

export function problem({ status, message, errors }: Problem): Answer {
  const body = {
    title: titles[status] ?? "Error",
    status,
    detail: message,
    ...(errors && { errors }),
  };
  return {
    status,
    headers: { "content-type": "application/problem+json" },
    body: Buffer.from(JSON.stringify(body)),
  };
}

export const noContent: Answer = { status: 204, headers: {}, body: Buffer.alloc(0) };
