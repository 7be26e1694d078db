import { io, type Socket } from "socket.io-client";
import type { HttpLogin } from "../http";

/** Before reconnecting after the server has refused the connection. */
const refusedRetryMs = 5_000;

/** The socket of a server, open until `signal` aborts. */
export type SocketTarget = { baseUrl: string; login?: HttpLogin; signal: AbortSignal };

/**
 * A connection to InvokeAI's socket that reconnects by itself. Nothing is replayed: events may have been missed before each
 * connect. If no connection is possible, there are no events and no error.
 */
export function openSocket({ baseUrl, login, signal }: SocketTarget): Socket {
  const url = new URL(baseUrl);
  const socket = io(url.origin, {
    path: `${url.pathname.replace(/\/+$/, "")}/ws/socket.io`,
    // The server's long polling fails after the handshake.
    transports: ["websocket"],
    // Not shared: a shared connection would close with its first user.
    forceNew: true,
    reconnectionDelay: 500,
    reconnectionDelayMax: 5_000,
    // Read at each connect: the previous token may have expired.
    auth: (send) =>
      void findToken(login).then((found) => send(found === undefined ? {} : { token: found })),
  });
  let retry: ReturnType<typeof setTimeout> | undefined;

  socket.on("disconnect", (reason) => {
    // The only disconnect after which the client does not reconnect by itself.
    if (reason === "io server disconnect" && !signal.aborted) socket.connect();
  });
  socket.on("connect_error", () => {
    // After a refusal by the server the client does not reconnect by itself. The token may have expired; a REST call in
    // between fetches a new one.
    if (!socket.active && !signal.aborted) {
      retry = setTimeout(() => socket.connect(), refusedRetryMs);
    }
  });
  signal.addEventListener(
    "abort",
    () => {
      clearTimeout(retry);
      socket.disconnect();
    },
    { once: true },
  );
  return socket;
}

/** Without a token the socket is tried anyway: its failure is no error. */
async function findToken(login: HttpLogin | undefined): Promise<string | undefined> {
  const authorization = await login?.authorization().catch(() => undefined);
  return authorization?.replace(/^Bearer /, "");
}
