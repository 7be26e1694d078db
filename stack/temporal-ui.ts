import { randomBytes, randomInt } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { findFreePort } from "./ports";
import { Refusal } from "./refusal";
import type { UiPlace } from "./temporal";
import { serveTemporalUi } from "./temporal-ui-proxy";

/** The web UI behind a proxy with a secret path: see `serveTemporalUi`. */
export type TemporalUi = {
  /** The address for users; it stays the same across starts, as long as the port is free. */
  url: string;
  /** The address and path at which the server itself must serve it. */
  place: UiPlace;
  stop: () => Promise<void>;
};

type Address = { port: number; secret: string };

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
  const origin = `http://${place.ip}:${place.port}`;
  const listen = (port: number) => serveOn(port, { origin, path });
  const server =
    wantedPort === undefined
      ? (listen(kept?.port ?? (await findFreePort())) ?? listen(await findFreePort()))
      : listen(parsePort(wantedPort));
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

function serveOn(port: number, upstream: { origin: string; path: string }) {
  try {
    return serveTemporalUi({ hostname: "127.0.0.1", port }, upstream);
  } catch {
    return undefined; // another program has this port now
  }
}
