/** What the table needs to know of a route; Elysia's own list fits. */
type Registered = {
  method: string;
  path: string;
  hooks?: { body?: unknown; detail?: { security?: unknown } };
};

type Known = { method: string; path: string; isPublic: boolean; takesJson: boolean };

export type RouteMatch = {
  /** Undefined: nothing has this path and method. */
  route: Known | undefined;
  /** Methods this path has, for `Allow`; empty: there is no such path. */
  allow: string[];
};

/** Marks a route as open to everybody. What the document says (no security) is what is enforced. */
export const publicRoute = { security: [] };

/**
 * What is known of a path before any of its body is read. Where several patterns fit
 * (`/share/links`, `/share/:key`), a request is public only if all of them are.
 */
export function createRouteTable(
  routes: readonly Registered[],
): (method: string, path: string) => RouteMatch {
  const table = routes.map((route) => ({
    method: route.method,
    path: route.path,
    pattern: patternOf(route.path),
    segments: route.path.includes("*") ? undefined : countSegments(route.path),
    isPublic: isPublic(route.hooks?.detail?.security),
    takesJson: route.hooks?.body !== undefined,
  }));

  return (method, path) => {
    const wanted = method === "HEAD" ? "GET" : method;
    const segments = countSegments(path);
    // The count first: it spares most of the patterns, at every request.
    const fitting = table.filter(
      (route) => (route.segments ?? segments) === segments && route.pattern.test(path),
    );
    const matches = fitting.filter((route) => route.method === wanted);
    // `/models/refresh` is that path and no model's, whatever the method.
    const fewest = Math.min(...fitting.map((route) => countParams(route.path)));
    const meant = fitting.filter((route) => countParams(route.path) === fewest);
    const first = meant.find((route) => route.method === wanted);
    const allow = new Set(meant.map((route) => route.method));
    if (allow.has("GET")) allow.add("HEAD");
    return {
      route: first && { ...first, isPublic: matches.every((route) => route.isPublic) },
      allow: [...allow].toSorted(),
    };
  };
}

function isPublic(security: unknown): boolean {
  return Array.isArray(security) && security.length === 0;
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
