import { connect, createServer, type Socket } from "node:net";
import type { Faults } from "./faults.ts";
import type { Pod } from "./pod.ts";
import type { Pods } from "./pods.ts";
import { readProxyHead } from "./proxy-head.ts";

const largestHeadBytes = 65_536;

type ProxyDeps = { pods: Pods; faults: Faults; limitMs: () => number };

/**
 * The public addresses of containers' ports: HTTP and web sockets, without authentication. A request whose answer has
 * not begun after `limitMs` (real time) gets 524.
 */
export function createProxy({ pods, faults, limitMs }: ProxyDeps) {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    track(client);
    let head = Buffer.alloc(0);
    const collect = (chunk: Buffer) => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf("\r\n\r\n");
      if (end === -1) {
        if (head.length > largestHeadBytes) client.destroy();
        return;
      }
      client.off("data", collect);
      route(client, head.subarray(0, end).toString("latin1"), head.subarray(end + 4));
    };
    client.on("data", collect);
  });

  function track(socket: Socket): void {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  }

  function route(client: Socket, text: string, body: Buffer): void {
    if (faults.strike("network_cut", ({ of }) => of !== "api")) return void client.destroy();
    const head = readProxyHead(text);
    const pod = head && pods.find(head.podId);
    if (!head || !pod?.spec.ports.includes(`${head.port}/http`)) return refuse(client, 404);
    const wrong = wrongAnswer(pod);
    if (wrong !== undefined) return answer(client, wrong.status, wrong.body);
    const port = pod.container?.portOf(head.port);
    if (port === undefined) return refuse(client, 502);
    forward(client, port, Buffer.concat([head.forwarded, body]));
  }

  /** The answers of the proxy itself, while the container is not there yet or a fault says so. */
  function wrongAnswer(pod: Pod): { status: number; body: string } | undefined {
    const ofPod = (fault: { podId?: string }) => (fault.podId ?? pod.id) === pod.id;
    const status = faults.strike("proxy_status", ofPod)?.status;
    if (status !== undefined) return { status, body: page(String(status)) };
    const starting = faults.strike("proxy_starting", ofPod);
    if (starting !== undefined) {
      return { status: 200, body: starting.body === "html" ? page("Starting") : "" };
    }
    if (pod.status === "PROVISIONING") return { status: 404, body: page("404") };
    return pod.status === "STARTING" ? { status: 200, body: page("Starting") } : undefined;
  }

  function forward(client: Socket, port: number, bytes: Buffer): void {
    const service = connect({ port, host: "127.0.0.1" });
    track(service);
    let hasAnswered = false;
    const limit = setTimeout(() => {
      refuse(client, 524);
      service.destroy();
    }, limitMs());
    service.once("data", () => {
      hasAnswered = true;
      clearTimeout(limit);
    });
    service.on("close", () => {
      clearTimeout(limit);
      if (hasAnswered) client.end();
      else if (!client.destroyed) refuse(client, 502);
    });
    client.on("close", () => service.destroy());
    service.write(bytes);
    client.pipe(service);
    service.pipe(client, { end: false });
  }

  return {
    listen: (port: number): Promise<number> =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen(port, "127.0.0.1", () => {
          server.off("error", reject);
          const address = server.address();
          resolve(typeof address === "object" && address !== null ? address.port : port);
        });
      }),
    /** Cuts every connection. */
    cutAll(): void {
      for (const socket of sockets) socket.destroy();
    },
    async stop(): Promise<void> {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const page = (words: string) =>
  `<html><head><title>${words}</title></head><body><h1>${words}</h1></body></html>`;

function refuse(client: Socket, status: number): void {
  answer(client, status, page(String(status)));
}

function answer(client: Socket, status: number, body: string): void {
  const head = [
    `HTTP/1.1 ${status} ${status === 200 ? "OK" : "Error"}`,
    "Content-Type: text/html; charset=utf-8",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  client.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
