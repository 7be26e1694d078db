import type { IncomingRequest } from "./request";

/**
 * Answers a request without the framework; undefined: the route's handler answers. If it reads the database, it must limit
 * the wait itself: see `unlessDatabaseIsAway`.
 */
export type EarlyAnswer = (
  incoming: IncomingRequest,
  params: Record<string, string>,
) => Response | undefined | Promise<Response | undefined>;

const early = Symbol("early answer");

/**
 * For frequently requested routes, where the framework would be most of the cost. An early answer passes through the
 * pipeline like any other, but the route's schemas are not applied.
 */
export function withEarlyAnswer<Handler extends object>(
  answer: EarlyAnswer,
  handler: Handler,
): Handler {
  return Object.assign(handler, { [early]: answer });
}

export function earlyAnswerOf(handler: object): EarlyAnswer | undefined {
  return hasEarlyAnswer(handler) ? handler[early] : undefined;
}

function hasEarlyAnswer(handler: object): handler is { [early]: EarlyAnswer } {
  return early in handler;
}
