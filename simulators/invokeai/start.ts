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
import { createInstalls } from "./installs.ts";
import { createItemJson } from "./item-json.ts";
import { createAppHandlers } from "./routes/app.ts";
import { createBoardHandlers } from "./routes/boards.ts";
import { createImageHandlers } from "./routes/images.ts";
import { createInstallHandlers } from "./routes/installs.ts";
import { createModelHandlers } from "./routes/models.ts";
import { createQueueHandlers } from "./routes/queue.ts";
import { createWorkflowHandlers } from "./routes/workflows.ts";
import { createRunner } from "./runner.ts";
import { createEventSink } from "./socket.ts";
import type { ApiVersion } from "./versions.ts";
import { createWorld } from "./world.ts";

export type SimulatorOptions = {
  /** 0 (default) picks a free port. */
  port?: number;
  /** The address to listen on (default 127.0.0.1); `url` is always that of this machine. */
  host?: string;
  /** The folder in which queue and images survive a restart; without it they are in memory. */
  dataDir?: string;
  /** Duration of each denoising step (default 0). */
  stepDelayMs?: number;
  /** Duration of each model's download (default 0). */
  installMs?: number;
  /** The maximum number of pending items (default 10 000). */
  maxQueueSize?: number;
  /** The simulated API version (default 6.14). */
  api?: ApiVersion;
  /** The reported version (default: that of `api`). */
  version?: string;
  /** Multi-user mode; without it no login is needed. */
  accounts?: AccountOptions | undefined;
  /** "standard" (default): a fixed set; "installed": none in a new `dataDir`, and those installed there later. */
  models?: "standard" | "installed";
  /** Empties the queue at the start, finished items too; pictures stay. */
  clearQueue?: boolean;
  /** A file that gets a line of JSON for each generated picture, as in the state of the control client. */
  journalPath?: string | undefined;
  /** Faults that are active from the start. */
  faults?: Fault[];
};

export type Simulator = { url: string; control: SimulatorControl; stop: () => Promise<void> };

/** Starts the InvokeAI simulator in this process; fails when the port is taken. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { dataDir } = options;
  if (dataDir !== undefined) mkdirSync(dataDir, { recursive: true });
  const database = openDatabase(dataDir);
  const world = createWorld(database, dataDir, {
    api: options.api ?? "6.14",
    version: options.version,
    accounts: options.accounts,
    models: options.models ?? "standard",
    journalPath: options.journalPath,
    stepDelayMs: options.stepDelayMs ?? 0,
    maxQueueSize: options.maxQueueSize ?? 10_000,
  });
  for (const fault of options.faults ?? []) world.faults.add(fault);

  const http = createServer();
  const sink = createEventSink(http, world, () => admitSocket());
  const itemJson = createItemJson(world.queue, world.traits);
  const events = createQueueEvents(itemJson, sink);
  const runner = createRunner(world, events);
  const installs = createInstalls(database, {
    models: world.models,
    faults: world.faults,
    held: world.heldInstalls,
    installMs: () => options.installMs ?? 0,
    broadcast: sink.broadcast,
  });
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
    ...createWorkflowHandlers(),
    ...createModelHandlers(world.models),
    ...createInstallHandlers(installs, world),
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
    installs.restart();
    runner.start();
  }

  async function wipe(): Promise<void> {
    await runner.kill();
    world.queue.wipe();
    world.images.wipe();
    runner.start();
  }

  world.queue.cancelInterrupted();
  if (options.clearQueue) world.queue.clear();
  await listen(http, options.port ?? 0, options.host ?? "127.0.0.1");
  installs.resume();
  runner.start();
  const { port } = http.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    control: createSimulatorControl(url),
    async stop() {
      installs.stop();
      await runner.kill();
      sink.disconnectAll();
      for (const socket of connections) socket.destroy();
      await sink.close();
      database.close();
    },
  };
}

function listen(http: ReturnType<typeof createServer>, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once("error", reject);
    http.listen(port, host, () => {
      http.off("error", reject);
      resolve();
    });
  });
}
