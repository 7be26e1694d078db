import { io, type Socket } from "socket.io-client";
import type { HttpLogin } from "../http";

/** Between two tries of a socket that was turned away. */
const turnedAwayMs = 5_000;

/** A server's socket, as long as `signal` lets it. */
export type SocketPlace = { baseUrl: string; login?: HttpLogin; signal: AbortSignal };

/**
 * A connection to InvokeAI's socket that comes back by itself. Nothing is replayed: whenever it connects, something may
 * have been missed. Where no socket can be had there is silence, never an error.
 */
export function openSocket({ baseUrl, login, signal }: SocketPlace): Socket {
  const url = new URL(baseUrl);
  const socket = io(url.origin, {
    path: `${url.pathname.replace(/\/+$/, "")}/ws/socket.io`,
    // The server's long polling fails after the handshake.
    transports: ["websocket"],
    // A connection of its own: a shared one would end with the first of its users.
    forceNew: true,
    reconnectionDelay: 500,
    reconnectionDelayMax: 5_000,
    // Asked for at each connection: the last token may hold no longer.
    auth: (send) =>
      void findToken(login).then((found) => send(found === undefined ? {} : { token: found })),
  });
  let again: ReturnType<typeof setTimeout> | undefined;

  socket.on("disconnect", (reason) => {
    // The only ending after which the client does not come back by itself.
    if (reason === "io server disconnect" && !signal.aborted) socket.connect();
  });
  socket.on("connect_error", () => {
    // Turned away by the server itself, after which the client does not come back: its token may have
    // run out. Whoever calls a route meanwhile sees to another.
    if (!socket.active && !signal.aborted) again = setTimeout(() => socket.connect(), turnedAwayMs);
  });
  signal.addEventListener(
    "abort",
    () => {
      clearTimeout(again);
      socket.disconnect();
    },
    { once: true },
  );
  return socket;
}

/** Without a token the socket is tried all the same: its silence is borne. */
async function findToken(login: HttpLogin | undefined): Promise<string | undefined> {
  const authorization = await login?.authorization().catch(() => undefined);
  return authorization?.replace(/^Bearer /, "");
}
