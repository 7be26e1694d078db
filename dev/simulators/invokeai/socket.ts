import type { Server as HttpServer, IncomingMessage } from "node:http";
import { Server } from "socket.io";
import type { Faults } from "./faults.ts";

export type EventSink = ReturnType<typeof createEventSink>;

/** The socket.io side: WebSocket only, no replay, no need to subscribe, each event twice. */
export function createEventSink(
  http: HttpServer,
  faults: Faults,
  admit: (request: IncomingMessage) => boolean,
) {
  const io = new Server(http, {
    path: "/ws/socket.io",
    transports: ["websocket"],
    serveClient: false,
    allowRequest: (request, decide) => decide(null, admit(request)),
  });

  function broadcast(name: string, payload: Record<string, unknown>): void {
    if (io.engine.clientsCount === 0) return;
    if (faults.strike("socket_silent") !== undefined) return;
    const event = { timestamp: Math.floor(Date.now() / 1000), ...payload };
    io.emit(name, event);
    // Once for the user's room and once for the admins', where the preview is left out. 6.14.2 was
    // also seen to send once; a client has to bear both, and twice is the harder one.
    io.emit(name, name === "invocation_progress" ? { ...event, image: null } : event);
  }

  return {
    broadcast,
    clientCount: (): number => io.engine.clientsCount,
    disconnectAll: (): void => io.disconnectSockets(true),
    close: (): Promise<void> => io.close(),
  };
}
