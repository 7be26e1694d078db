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
    isPublic: isPublic(route.hooks?.detail?.security),
    takesJson: route.hooks?.body !== undefined,
  }));

  return (method, path) => {
    const wanted = method === "HEAD" ? "GET" : method;
    const fitting = table.filter(({ pattern }) => pattern.test(path));
    const matches = fitting.filter((route) => route.method === wanted);
    const [first] = matches.toSorted((a, b) => countParams(a.path) - countParams(b.path));
    const allow = new Set(fitting.map((route) => route.method));
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
