import type { Server as HttpServer, IncomingMessage } from "node:http";
import { Server } from "socket.io";
import type { World } from "./world.ts";

export type EventSink = ReturnType<typeof createEventSink>;

type Connection = {
  once: (event: "close", listener: () => void) => void;
  close: (now: true) => void;
};

const room = "default";

/** The socket.io server: WebSocket only, no replay. */
export function createEventSink(
  http: HttpServer,
  { faults, traits, accounts }: World,
  admit: (request: IncomingMessage) => boolean,
) {
  const io = new Server(http, {
    path: "/ws/socket.io",
    transports: ["websocket"],
    serveClient: false,
    allowRequest: (request, decide) => decide(null, admit(request)),
  });
  // Those in the middle of a handshake are no clients of `io` yet.
  const connections = new Set<Connection>();
  io.engine.on("connection", (connection: Connection) => {
    connections.add(connection);
    connection.once("close", () => connections.delete(connection));
  });
  io.use((socket, next) => {
    const { auth, headers } = socket.handshake;
    const isIn = accounts.admits(auth.token as string | undefined, headers.authorization);
    next(isIn ? undefined : new Error("Connection rejected by server"));
  });
  io.on("connection", (socket) => {
    if (!traits.isSocketOld) void socket.join(room);
    socket.on("subscribe_queue", () => void socket.join(room));
  });

  let lateCount = 0;

  function broadcast(name: string, payload: Record<string, unknown>): void {
    if (io.engine.clientsCount === 0) return;
    if (faults.strike("socket_silent") !== undefined) return;
    const event = { timestamp: Math.floor(Date.now() / 1000), ...payload };
    const delaysMs = faults.strike("socket_late")?.delaysMs ?? [0];
    const delayMs = delaysMs[lateCount % delaysMs.length] ?? 0;
    lateCount += 1;
    if (delayMs === 0) emit(name, event);
    else setTimeout(() => emit(name, event), delayMs).unref();
  }

  function emit(name: string, event: Record<string, unknown>): void {
    io.to(room).emit(name, event);
    if (!traits.isSocketOld) return;
    // Once for the user's room and once for the admins' room, which gets no preview.
    io.to(room).emit(name, name === "invocation_progress" ? { ...event, image: null } : event);
  }

  return {
    broadcast,
    clientCount: (): number => io.engine.clientsCount,
    subscriberCount: (): number => io.sockets.adapter.rooms.get(room)?.size ?? 0,
    disconnectAll(): void {
      io.disconnectSockets(true);
      for (const connection of connections) connection.close(true);
    },
    close: (): Promise<void> => io.close(),
  };
}
