import type { Answer } from "../invokeai/answers.ts";
import { routes, type RouteName } from "./control.ts";
import type { Identity } from "./keys.ts";

export type ApiRequest = {
  method: string;
  url: URL;
  params: Record<string, string>;
  headers: Headers;
  body: Buffer;
  identity: Identity;
};

/** An answer without end; `send` writes to the client until `closed` aborts. */
export type StreamAnswer = {
  headers: Record<string, string>;
  start: (send: (text: string) => void, closed: AbortSignal) => void;
};

type Handler = (request: ApiRequest) => Answer | StreamAnswer;

export type Handlers = Record<RouteName, Handler>;

const compiled = Object.entries(routes).map(([name, pattern]) => {
  const [method, path] = pattern.split(" ") as [string, string];
  const source = path.replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)");
  return { name: name as RouteName, method, path: new RegExp(`^${source}$`) };
});

export type Match = { route: RouteName | "other"; params: Record<string, string>; allow: string[] };

/** Finds the route of a request; `allow` lists the methods of a known path. */
export function matchRoute(method: string, path: string): Match {
  const allow: string[] = [];
  for (const { name, method: wanted, path: pattern } of compiled) {
    const found = pattern.exec(path);
    if (found === null) continue;
    if (wanted !== method) {
      allow.push(wanted);
      continue;
    }
    const params = Object.entries(found.groups ?? {}).map(
      ([key, value]) => [key, decodeURIComponent(value)] as const,
    );
    return { route: name, params: Object.fromEntries(params), allow };
  }
  return { route: "other", params: {}, allow };
}
