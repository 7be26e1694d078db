/** Where the web UI itself answers, and the secret path at which it has to serve its pages. */
type Upstream = { origin: string; path: string };

const ownNames = new Set(["127.0.0.1", "localhost", "[::1]"]);
/** The UI long-polls a run for up to a minute. */
const idleSeconds = 120;

/**
 * Temporal's web UI can terminate runs, requires no login, and answers for any host name, so a page of another site
 * could use it by DNS rebinding. Users therefore open this proxy, which answers only below the secret path and for this
 * machine's names. The UI's own option for a path is no protection: it also answers without the path.
 * @throws when the port is taken
 */
export function serveTemporalUi(at: { hostname: string; port: number }, upstream: Upstream) {
  return Bun.serve({
    ...at,
    idleTimeout: idleSeconds,
    // Bun's development error page shows source code and paths.
    development: false,
    // Otherwise Bun would share a port that is taken.
    reusePort: false,
    fetch: (request) => forward(request, upstream),
  });
}

async function forward(request: Request, { origin, path }: Upstream): Promise<Response> {
  // A malformed Host results in a URL that cannot be parsed.
  const url = URL.parse(request.url);
  if (!url || !ownNames.has(url.hostname)) {
    return new Response("Open it as 127.0.0.1.\n", { status: 403 });
  }
  const { pathname, search } = url;
  if (pathname !== path && !pathname.startsWith(`${path}/`)) {
    return new Response("There is nothing here.\n", { status: 404 });
  }
  const headers = new Headers(request.headers);
  headers.delete("host");
  try {
    const answer = await fetch(`${origin}${pathname}${search}`, {
      method: request.method,
      headers,
      body: request.body,
      redirect: "manual",
      decompress: false,
      signal: request.signal,
    });
    return new Response(answer.body, {
      status: answer.status,
      headers: withSecurityHeaders(answer.headers),
    });
  } catch {
    return new Response("Temporal does not answer; it may be starting.\n", { status: 502 });
  }
}

/** Adds security headers: the server sends none below a path. */
function withSecurityHeaders(given: Headers): Headers {
  const headers = new Headers(given);
  headers.set(
    "content-security-policy",
    "default-src 'self' data: blob: 'unsafe-inline'; frame-ancestors 'none'; object-src 'none'",
  );
  headers.set("referrer-policy", "same-origin");
  return headers;
}
