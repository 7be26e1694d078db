/** What the table needs to know of a route; Elysia's own list fits. */
type Registered = {
  method: string;
  path: string;
  hooks?: { body?: unknown; detail?: unknown };
};

/**
 * Who may ask. `owner`: with the token. `loopback`: with the token, or from this machine. `open`: without it, but pages of other sites are kept out all the same.
 * `visitor`: whoever has a link, from anywhere.
 */
type Access = "owner" | "loopback" | "open" | "visitor";

type Known = { method: string; path: string; access: Access; takesJson: boolean };

export type RouteMatch = {
  /** Undefined: nothing has this path and method. */
  route: Known | undefined;
  /** Methods this path has, for `Allow`; empty: there is no such path. */
  allow: string[];
  /** Whether all there is at this path is for visitors. */
  isForVisitors: boolean;
};

/** Marks a route as a visitor's. What the document says (no security) is what is enforced. */
export const publicRoute = { security: [] };

/** Marks a route that needs no token, and is the owner's besides: the rules for other sites hold. */
export const openRoute = { security: [], "x-access": "open" };

/** Marks a route that wants no token from who asks from this machine. */
export const loopbackRoute = {
  // An empty requirement is how the document says that it may go without.
  security: [{ owner: [] }, { session: [] }, {}] as Record<string, string[]>[],
  "x-access": "loopback",
};

/**
 * What is known of a path before any of its body is read. Where several patterns fit
 * (`/share/links`, `/share/:key`), a request needs no token only if none of them does.
 */
export function createRouteTable(
  routes: readonly Registered[],
): (method: string, path: string) => RouteMatch {
  const table = routes.map((route) => ({
    method: route.method,
    path: route.path,
    pattern: patternOf(route.path),
    segments: route.path.includes("*") ? undefined : countSegments(route.path),
    access: accessOf(route.hooks?.detail),
    takesJson: route.hooks?.body !== undefined,
  }));

  // By their length: it spares most of the patterns, at every request.
  const longest = Math.max(...table.map((route) => route.segments ?? 0));
  const byLength = Array.from({ length: longest + 2 }, (_, length) =>
    table.filter((route) => (route.segments ?? length) === length),
  );

  return (method, path) => {
    const wanted = method === "HEAD" ? "GET" : method;
    const alike = byLength[Math.min(countSegments(path), longest + 1)]!;
    const fitting = alike.filter((route) => route.pattern.test(path));
    const matches = fitting.filter((route) => route.method === wanted);
    // `/models/refresh` is that path and no model's, whatever the method.
    const fewest = Math.min(...fitting.map((route) => countParams(route.path)));
    const meant = fitting.filter((route) => countParams(route.path) === fewest);
    const first = meant.find((route) => route.method === wanted);
    const allow = new Set(meant.map((route) => route.method));
    if (allow.has("GET")) allow.add("HEAD");
    return {
      route: first && { ...first, access: strictest(matches) },
      allow: [...allow].toSorted(),
      isForVisitors: meant.length > 0 && meant.every((route) => route.access === "visitor"),
    };
  };
}

function accessOf(detail: unknown): Access {
  const { security, "x-access": access } = (detail ?? {}) as Record<string, unknown>;
  if (!Array.isArray(security) || security.length > 0) {
    return access === "loopback" ? "loopback" : "owner";
  }
  return access === "open" ? "open" : "visitor";
}

function strictest(routes: readonly Known[]): Access {
  const given = new Set(routes.map((route) => route.access));
  return (["owner", "loopback", "open"] as const).find((access) => given.has(access)) ?? "visitor";
}

/** Slashes, without one at the end. */
function countSegments(path: string): number {
  let count = 0;
  for (
    let at = path.indexOf("/");
    at !== -1 && at < path.length - 1;
    at = path.indexOf("/", at + 1)
  ) {
    count += 1;
  }
  return count;
}

function countParams(path: string): number {
  return path.split(/[:*]/).length;
}

function patternOf(path: string): RegExp {
  const parts = path
    .replace(/\/$/, "")
    .split("/")
    .map((part) => {
      if (part === "*") return ".+";
      return part.startsWith(":") ? "[^/]+" : part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
    });
  return new RegExp(`^${parts.join("/")}/?$`);
}
