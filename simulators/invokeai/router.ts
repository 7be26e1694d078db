import { detail, userInterface, type Answer } from "./answers.ts";
import { routes, type RouteName } from "./control.ts";

export type RouteRequest = {
  method: string;
  url: URL;
  params: Record<string, string>;
  headers: Headers;
  body: Buffer;
};

export type Handler = (request: RouteRequest) => Answer | Promise<Answer>;

export type Handlers = Partial<Record<RouteName, Handler>>;

type Match = { route: RouteName; params: Record<string, string> };

const compiled = Object.entries(routes).map(([name, pattern]) => {
  const [method, path] = pattern.split(" ") as [string, string];
  const source = path.replaceAll(".", "\\.").replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)");
  // Routes without parameters are matched first: `/images/names` before `/images/{…}`.
  const wildcards = path.split("{").length - 1;
  return { name: name as RouteName, method, path: new RegExp(`^${source}$`), wildcards };
});
compiled.sort((a, b) => a.wildcards - b.wildcards);

/** Finds the route of a request by method and path. */
export function matchRoute(method: string, path: string): Match | undefined {
  for (const { name, method: wanted, path: pattern } of compiled) {
    if (wanted !== method) continue;
    const found = pattern.exec(path);
    if (found !== null) {
      const params = Object.entries(found.groups ?? {}).map(([key, value]) => [
        key,
        decodeURIComponent(value),
      ]);
      return { route: name, params: Object.fromEntries(params) as Record<string, string> };
    }
  }
  return undefined;
}

/** The real server's answer for an unknown path: its UI for a GET, 405 for the rest. */
export function answerUnknown(method: string): Answer {
  return method === "GET" || method === "HEAD"
    ? userInterface()
    : detail(405, "Method Not Allowed");
}
