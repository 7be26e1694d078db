import { type InternalRoute, redirect, status } from "elysia";
import type { BodyKind } from "./bodies/content-length";
import { type EarlyAnswer, earlyAnswerOf } from "./early-answer";
import type { IncomingRequest } from "./request";
import { pathOf, segmentsOf } from "./request-path";

/**
 * What a request needs. `owner`: the token. `loopback`: the token, or to come from this machine. `open`: nothing, but
 * changes from pages of other sites are refused. `visitor`: nothing but a share link's key, from any site.
 */
type Access = "owner" | "loopback" | "open" | "visitor";

export type Route = Readonly<{
  method: string;
  path: string;
  access: Access;
  takesJson: boolean;
  body: BodyKind;
  /** The index of each parameter's segment. */
  parameters: readonly (readonly [name: string, at: number])[];
  answer(incoming: IncomingRequest, params: Params): Response | Promise<Response>;
  answerEarly: EarlyAnswer | undefined;
}>;

type Params = Record<string, string>;

/** The routes of one path, by method. */
type PathRoutes = Readonly<{
  /** How many segments of the path are parameters. */
  parameterCount: number;
  routes: ReadonlyMap<string, Route>;
  allow: string[];
  access: Access;
}>;

export type RouteMatch = Readonly<{
  /** Undefined: no route has this path and method. */
  route: Route | undefined;
  params: Params;
  /** The methods of this path, for `Allow`; empty: there is no such path. */
  allow: string[];
  /** The strictest access of the path's routes; for an unknown path `visitor` below a link, else `owner`. */
  access: Access;
  /** Whether all methods of the path are for visitors, or it is an unknown path below a link. */
  isForVisitors: boolean;
}>;

/** Marks a route as a visitor's. The document and the access check both read this. */
export const publicRoute = { security: [] };

/** Marks a route of the owner that needs no token; changes from other sites are still refused. */
export const openRoute = { security: [], "x-access": "open" };

/** Marks a route that checks the token itself and leaves out a part of its answer without it. */
export const partlyOpenRoute = {
  security: [{ owner: [] }, { session: [] }, {}] as Record<string, string[]>[],
  "x-access": "open",
};

/** Marks a route that needs no token for requests from this machine. */
export const loopbackRoute = {
  // In OpenAPI an empty requirement makes security optional.
  security: [{ owner: [] }, { session: [] }, {}] as Record<string, string[]>[],
  "x-access": "loopback",
};

/**
 * The router of the api. It matches each request once: the route that is checked for access is the one that answers. If
 * several paths match, the one with the fewest parameters wins, whatever the method: `/share/links` is never
 * `/share/:key`.
 */
export function createRouter(
  registered: readonly InternalRoute[],
): (method: string, path: string, segments?: readonly string[]) => RouteMatch {
  const routes = registered.map(routeOf);
  const root = emptyNode();
  for (const alike of Map.groupBy(routes, ({ path }) => segmentsOf(path).join("/")).values()) {
    addPath(root, alike);
  }
  const isBelowLink = createLinkMatcher(routes);

  return (method, path, segments = segmentsOf(path)) => {
    const found = findPath(root, segments);
    const access = found?.access ?? (isBelowLink(path) ? "visitor" : "owner");
    const route = found?.routes.get(method === "HEAD" ? "GET" : method);
    return {
      route,
      params: route ? paramsOf(route, segments) : {},
      allow: found?.allow ?? [],
      access,
      isForVisitors: access === "visitor",
    };
  };
}

/** The decoded parameters; a path that cannot be decoded was refused before. */
function paramsOf({ parameters }: Route, segments: readonly string[]): Params {
  const params: Params = {};
  for (const [name, at] of parameters) {
    const segment = segments[at] ?? "";
    params[name] = segment.includes("%") ? decodeURIComponent(segment) : segment;
  }
  return params;
}

function routeOf(registered: InternalRoute): Route {
  const { method, path, hooks, handler } = registered;
  return {
    method,
    path,
    access: accessOf(hooks.detail),
    takesJson: hooks.body !== undefined,
    body: hooks.detail?.["x-body"],
    parameters: segmentsOf(path).flatMap((segment, at) =>
      segment.startsWith(":") ? [[segment.slice(1), at] as const] : [],
    ),
    answer: (incoming, params) => registered.compile()(contextOf(incoming, path, params)),
    answerEarly: earlyAnswerOf(handler),
  };
}

/** The context that Elysia's own router would pass to a handler; hooks and validators fill in the rest. */
function contextOf(incoming: IncomingRequest, route: string, params: Params) {
  const { request } = incoming;
  const { url } = request;
  const qi = url.indexOf("?");
  return {
    incoming,
    request,
    params,
    route,
    url,
    /** Where Elysia starts to read the query. */
    qi,
    path: pathOf(url),
    set: { headers: {}, status: 200 },
    store: {},
    body: undefined,
    query: {},
    headers: {},
    cookie: {},
    server: null,
    redirect,
    status,
  };
}

type Node = {
  literal: Map<string, Node>;
  parameter: Node | undefined;
  path: PathRoutes | undefined;
};

function emptyNode(): Node {
  return { literal: new Map(), parameter: undefined, path: undefined };
}

/** @param routes of one path */
function addPath(root: Node, routes: readonly Route[]): void {
  const segments = segmentsOf(routes[0]?.path ?? "");
  let node = root;
  for (const segment of segments) {
    if (segment === "*") throw new Error("the router has no wildcards");
    if (segment.startsWith(":")) node = node.parameter ??= emptyNode();
    else {
      const next = node.literal.get(segment) ?? emptyNode();
      node.literal.set(segment, next);
      node = next;
    }
  }
  if (node.path) throw new Error("two paths differ in the names of their parameters only");
  node.path = pathRoutesOf(routes);
}

function pathRoutesOf(routes: readonly Route[]): PathRoutes {
  const methods = new Set(routes.map(({ method }) => method));
  if (methods.has("GET")) methods.add("HEAD");
  return {
    parameterCount: routes[0]?.parameters.length ?? 0,
    // The route that was registered first wins.
    routes: new Map(routes.toReversed().map((route) => [route.method, route])),
    allow: [...methods].toSorted(),
    access: strictest(routes),
  };
}

function findPath(root: Node, segments: readonly string[]): PathRoutes | undefined {
  const fitting: PathRoutes[] = [];
  collectPaths(root, segments, 0, fitting);
  const [first] = fitting;
  if (fitting.length < 2) return first;
  const fewest = Math.min(...fitting.map(({ parameterCount }) => parameterCount));
  const candidates = fitting.filter(({ parameterCount }) => parameterCount === fewest);
  // Several match equally only if an id or key equals a literal segment, as in `/photos/thumbnail/variations`.
  return candidates.length === 1
    ? candidates[0]
    : pathRoutesOf(candidates.flatMap(({ routes }) => [...routes.values()]));
}

function collectPaths(
  node: Node,
  segments: readonly string[],
  at: number,
  fitting: PathRoutes[],
): void {
  const segment = segments[at];
  if (segment === undefined) {
    if (node.path) fitting.push(node.path);
    return;
  }
  const literal = node.literal.get(segment);
  if (literal) collectPaths(literal, segments, at + 1, fitting);
  if (node.parameter) collectPaths(node.parameter, segments, at + 1, fitting);
}

/**
 * Tells whether an unknown path is below a share link. Routes of the owner have the same parent, such as `/share/links`;
 * unknown paths below those belong to the owner.
 */
function createLinkMatcher(table: readonly Route[]): (path: string) => boolean {
  const visitors = table.filter(({ access, path }) => access === "visitor" && isLink.test(path));
  const parents = new Set(visitors.map(({ path }) => path.replace(isLink, "/")));
  return (path) =>
    [...parents].some((parent) => {
      if (!path.startsWith(parent)) return false;
      const [segment = ""] = path.slice(parent.length).split("/", 1);
      const beside = `${parent}${segment}`;
      return !table.some(
        (route) =>
          route.access === "owner" &&
          (route.path === beside || route.path.startsWith(`${beside}/`)),
      );
    });
}

const isLink = /\/:key$/;

function accessOf(detail: unknown): Access {
  const { security, "x-access": access } = (detail ?? {}) as Record<string, unknown>;
  if (access === "loopback" || access === "open") return access;
  return Array.isArray(security) && security.length === 0 ? "visitor" : "owner";
}

function strictest(routes: readonly Route[]): Access {
  const given = new Set(routes.map((route) => route.access));
  return (["owner", "loopback", "open"] as const).find((access) => given.has(access)) ?? "visitor";
}
