import { randomBytes, randomInt } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { findFreePort } from "./ports";
import { Refusal } from "./refusal";
import type { UiPlace } from "./temporal";

/**
 * Temporal's web UI can terminate runs, requires no login, and answers for any host name, so a page of another site
 * could use it by DNS rebinding. Users therefore open a proxy that answers only below a secret path and for this
 * machine's names. `--ui-public-path` alone is no protection: the server also answers without the path.
 */
export type TemporalUi = {
  /** The address for users; it stays the same across starts, as long as the port is free. */
  url: string;
  /** The address and path at which the server itself must serve it. */
  place: UiPlace;
  stop: () => Promise<void>;
};

type Address = { port: number; secret: string };

const ownNames = new Set(["127.0.0.1", "localhost", "[::1]"]);
/** The UI long-polls a run for up to a minute. */
const idleSeconds = 120;

/**
 * @param settingsPath the file that keeps port and secret
 * @param wantedPort TEMPORAL_UI_PORT; undefined for the previous port, if it is free
 * @throws Refusal when the wanted port is invalid or taken
 */
export async function openTemporalUi(
  settingsPath: string,
  wantedPort?: string,
): Promise<TemporalUi> {
  const kept = await readAddress(settingsPath);
  const secret = kept?.secret ?? randomBytes(24).toString("base64url");
  const path = `/${secret}`;
  const place = { ip: hiddenAddress(), port: await findFreePort(), path };
  const handle = (request: Request) => forward(request, place);
  const server =
    wantedPort === undefined
      ? (listen(kept?.port ?? (await findFreePort()), handle) ??
        listen(await findFreePort(), handle))
      : listen(parsePort(wantedPort), handle);
  if (server === undefined && wantedPort !== undefined) {
    throw new Refusal(
      `Port ${wantedPort} of TEMPORAL_UI_PORT is in use. Choose another one, or leave the variable out.`,
    );
  }
  const port = server?.port;
  if (server === undefined || port === undefined) throw new Error("no port for the web UI");
  await writeFile(settingsPath, JSON.stringify({ port, secret } satisfies Address), {
    mode: 0o600,
  });
  return { url: `http://127.0.0.1:${port}${path}`, place, stop: () => server.stop(true) };
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new Refusal("TEMPORAL_UI_PORT: a port, from 1 to 65535");
}

/** One of sixteen million loopback addresses, so that no page finds the server behind the proxy. */
function hiddenAddress(): string {
  // Other systems have only one loopback address; there only the port is hidden.
  if (process.platform !== "linux") return "127.0.0.1";
  return `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`;
}

async function readAddress(settingsPath: string): Promise<Address | undefined> {
  try {
    const { port, secret } = JSON.parse(await readFile(settingsPath, "utf8")) as Partial<Address>;
    if (typeof port !== "number" || !/^[\w-]{32}$/.test(secret ?? "")) return undefined;
    return { port, secret: secret as string };
  } catch {
    return undefined;
  }
}

function listen(port: number, fetch: (request: Request) => Promise<Response>) {
  try {
    return Bun.serve({
      hostname: "127.0.0.1",
      port,
      idleTimeout: idleSeconds,
      // Bun's development error page shows source code and paths.
      development: false,
      // Otherwise Bun would share a port that is taken.
      reusePort: false,
      fetch,
    });
  } catch {
    return undefined; // another program has this port now
  }
}

async function forward(request: Request, { ip, port, path }: UiPlace): Promise<Response> {
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
    const answer = await fetch(`http://${ip}:${port}${pathname}${search}`, {
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
