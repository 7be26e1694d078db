import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { createSimulatorControl, type SimulatorControl } from "./control-client.ts";
import { answerControl, type Controlled } from "./control-routes.ts";
import type { AccountOptions } from "./accounts.ts";
import type { Fault } from "./control.ts";
import { openDatabase } from "./database.ts";
import { createQueueEvents } from "./events.ts";
import { createListener } from "./http.ts";
import { createItemJson } from "./item-json.ts";
import { createAppHandlers } from "./routes/app.ts";
import { createBoardHandlers } from "./routes/boards.ts";
import { createImageHandlers } from "./routes/images.ts";
import { createModelHandlers } from "./routes/models.ts";
import { createQueueHandlers } from "./routes/queue.ts";
import { createRunner } from "./runner.ts";
import { createEventSink } from "./socket.ts";
import type { ApiVersion } from "./versions.ts";
import { createWorld } from "./world.ts";

export type SimulatorOptions = {
  /** 0 (default) takes a free port. */
  port?: number;
  /** Where queue and images survive a restart; without it all is in memory. */
  dataDir?: string;
  /** Time that each denoising step takes (default 0). */
  stepDelayMs?: number;
  /** How many pending items the queue takes (default 10 000). */
  maxQueueSize?: number;
  /** Which server is imitated (default 6.14). */
  api?: ApiVersion;
  /** What it says its version is (default: that of `api`). */
  version?: string;
  /** Multi-user mode,with this user; without it nobody has to log in. */
  accounts?: AccountOptions;
  /** Faults that are on from the start. */
  faults?: Fault[];
};

export type Simulator = { url: string; control: SimulatorControl; stop: () => Promise<void> };

/** Starts InvokeAI's simulator in this process, on 127.0.0.1; fails when the port is taken. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { dataDir } = options;
  if (dataDir !== undefined) mkdirSync(dataDir, { recursive: true });
  const database = openDatabase(dataDir);
  const world = createWorld(database, dataDir, {
    api: options.api ?? "6.14",
    version: options.version,
    accounts: options.accounts,
    stepDelayMs: options.stepDelayMs ?? 0,
    maxQueueSize: options.maxQueueSize ?? 10_000,
  });
  for (const fault of options.faults ?? []) world.faults.add(fault);

  const http = createServer();
  const sink = createEventSink(http, world, () => admitSocket());
  const itemJson = createItemJson(world.queue, world.traits);
  const events = createQueueEvents(itemJson, sink.broadcast);
  const runner = createRunner(world, events);
  const connections = new Set<Socket>();
  http.on("connection", (socket) => {
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
  });

  function admitSocket(): boolean {
    const { requests } = world.journal;
    requests.socket = (requests.socket ?? 0) + 1;
    return world.faults.strikeRoute("socket", "/ws/socket.io") === undefined;
  }

  const controlled: Controlled = {
    world,
    runner,
    sink,
    closeIdleConnections: () => http.closeIdleConnections(),
    restart,
    wipe,
  };
  const handlers = {
    ...createAppHandlers(world),
    ...createModelHandlers(world.models),
    ...createQueueHandlers(world, runner, { events, itemJson }),
    ...createImageHandlers(world),
    ...createBoardHandlers(world.images),
  };
  const listener = createListener(world, handlers, (request) => answerControl(controlled, request));
  http.on("request", listener.listen);

  async function restart(): Promise<void> {
    await runner.kill();
    sink.disconnectAll();
    listener.cutAll();
    world.journal.restarts += 1;
    world.queue.cancelInterrupted();
    runner.start();
  }

  async function wipe(): Promise<void> {
    await runner.kill();
    world.queue.wipe();
    world.images.wipe();
    runner.start();
  }

  world.queue.cancelInterrupted();
  await listen(http, options.port ?? 0);
  runner.start();
  const { port } = http.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    control: createSimulatorControl(url),
    async stop() {
      await runner.kill();
      sink.disconnectAll();
      for (const socket of connections) socket.destroy();
      await sink.close();
      database.close();
    },
  };
}

function listen(http: ReturnType<typeof createServer>, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once("error", reject);
    http.listen(port, "127.0.0.1", () => {
      http.off("error", reject);
      resolve();
    });
  });
}
