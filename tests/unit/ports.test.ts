import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { findFreePort, portFault } from "#stack/ports";

test("a chosen port is free, and is none that the system gives to outgoing connections", async () => {
  const firstOutgoing = Number(
    readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").trim().split(/\s+/)[0],
  );
  for (let at = 0; at < 20; at++) {
    const port = await findFreePort();
    expect(port).toBeLessThan(firstOutgoing);
    expect(port).toBeGreaterThan(1_023);
    expect(await portFault(port, "127.0.0.1")).toBeUndefined();
  }
});

test("a port in use is told as such", async () => {
  const server = createServer();
  await new Promise<void>((listens) => server.listen(0, "127.0.0.1", () => listens()));
  const { port } = server.address() as { port: number };
  expect(await portFault(port, "127.0.0.1")).toBe("EADDRINUSE");
  await new Promise<void>((closed) => server.close(() => closed()));
});
