import { invalid } from "#errors";

/** More than any route has. A deeper path is refused, because its raw form is not known. */
const maxSegments = 24;

type Segments = readonly string[] | null;
type Handle<Server> = (
  request: Request,
  server: Server,
  sentSegments: Segments,
) => Response | Promise<Response>;
type WithParams = Request & { params: Readonly<Record<string, string>> };

/**
 * `routes` and `fetch` for Bun.serve that pass the raw path of each request, percent-decoded once, for
 * `isAmbiguousPath`; null where it is not known. `request.url` does not have it: there a backslash has become a slash, and
 * dot segments are resolved. Only the parameters of a route still hold the segments as sent, so there is one route per
 * depth, all with the same handler.
 */
export function withRawPaths<Server>(handle: Handle<Server>) {
  const routes: Record<
    string,
    (request: WithParams, server: Server) => Response | Promise<Response>
  > = {};
  for (let depth = 0; depth <= maxSegments; depth += 1) {
    const names = Array.from({ length: depth }, (_, at) => `p${at}`);
    const path = names.map((name) => `/:${name}`).join("");
    const route = (request: WithParams, server: Server) => {
      const { params } = request;
      const segments = names.map((name) => params[name] ?? "");
      return handle(request, server, segments);
    };
    routes[path === "" ? "/" : path] = route;
    if (path !== "") routes[`${path}/`] = route;
  }
  return {
    routes,
    // Paths with empty segments or too many segments match none of these routes.
    fetch: (request: Request, server: Server) => handle(request, server, null),
  };
}

/** The path of an absolute URL, as the router sees it. */
export function pathOf(url: string): string {
  const from = url.indexOf("/", url.indexOf("//") + 2);
  const query = url.indexOf("?", from);
  return url.slice(from, query === -1 ? undefined : query);
}

/** The segments of a path, as they are in it, without an empty one at the end. */
export function segmentsOf(path: string): string[] {
  const segments = path.split("/");
  segments.shift();
  if (segments.at(-1) === "") segments.pop();
  return segments;
}

/**
 * Whether a proxy may read another path from the request than this server does, and so publish what it was configured
 * to hide: a dot segment, a slash or backslash inside of a segment, an empty segment, or a path that parsing has changed.
 * @param segments those of `path`
 * @param sentSegments undefined for a request whose URL holds the path as it was sent
 */
export function isAmbiguousPath(
  path: string,
  segments: readonly string[],
  sentSegments: Segments | undefined,
): boolean {
  const parsed = path.includes("%") ? decoded(segments) : segments;
  if (sentSegments === null || parsed === undefined || path.includes("#")) return true;
  if (parsed.some(isAmbiguous)) return true;
  return sentSegments !== undefined && !isSame(sentSegments, parsed);
}

/** @throws AppError validation_error */
export function refusePath(): never {
  throw invalid(
    "The path is ambiguous; send it without backslashes, encoded slashes, empty and dot segments.",
    [{ path: "url", message: "its path can be read in more than one way" }],
  );
}

/** Decoded once; undefined when that is not possible. */
function decoded(segments: readonly string[]): string[] | undefined {
  try {
    return segments.map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

/** U+FFFD marks bytes that were not valid UTF-8. */
function isAmbiguous(segment: string): boolean {
  return segment === "" || segment === "." || segment === ".." || /[/\\\uFFFD]/.test(segment);
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((segment, at) => segment === others[at]);
}
