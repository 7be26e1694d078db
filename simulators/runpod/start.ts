import { mkdirSync, mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startGuardian } from "#stack/guardian";
import { createHolds } from "../invokeai/holds.ts";
import { createBalance } from "./balance.ts";
import { createClock } from "./clock.ts";
import { createRunpodControl, type RunpodControl } from "./control-client.ts";
import { answerControl, type Controlled } from "./control-routes.ts";
import type { Fault } from "./control.ts";
import { createFaults } from "./faults.ts";
import { createListener, type Exchange, type Held } from "./http.ts";
import { createJournals } from "./journals.ts";
import { createKeys, type KeyScope } from "./keys.ts";
import { createLedger } from "./ledger.ts";
import { createPodJson } from "./pod-json.ts";
import type { Timeline } from "./pod.ts";
import { createPods } from "./pods.ts";
import { createProxy } from "./proxy.ts";
import { createRateLimit, type RateLimits } from "./rate-limit.ts";
import { createAccountHandlers } from "./routes/account.ts";
import { createBillingHandlers } from "./routes/billing.ts";
import { createCatalogueHandlers } from "./routes/catalogue.ts";
import { createPodHandlers } from "./routes/pods.ts";
import { createVolumeHandlers } from "./routes/volumes.ts";
import { createVolumes } from "./volumes.ts";
import type { World } from "./world.ts";

export type RunpodOptions = {
  /** Of the API; 0 (default) picks a free port. */
  port?: number;
  /** Of the proxy in front of the containers; 0 (default) picks a free port. */
  proxyPort?: number;
  /** The folder of volumes and pods; without it a temporary one. */
  dataDir?: string;
  /** Keys and their rights (default: `simulatedKey` with all). */
  keys?: Readonly<Record<string, KeyScope>>;
  /** How many times faster than real time simulated time passes (default 1). */
  timeScale?: number;
  /** Simulated durations of a pod's life. */
  timeline?: Partial<Timeline>;
  /** Simulated age from which usage appears in the billing routes (default an hour). */
  billingLagMs?: number;
  /** Simulated pause before a command that ended is run again (default 10 s). */
  restartMs?: number;
  /** Requests per window; null (default) means without limit. */
  rateLimits?: RateLimits;
  /** Real time after which the proxy gives a request up (default 100 s). */
  proxyLimitMs?: number;
  /** Real pause of each denoising step in a simulated InvokeAI (default 0). */
  stepDelayMs?: number;
  /** Real duration of each model's download there (default 0). */
  installMs?: number;
  /** Faults that are active from the start. */
  faults?: Fault[];
  /** Gets each exchange that is not a stream. */
  onExchange?: (exchange: Exchange) => void;
};

export type RunpodSimulator = {
  /** Of the REST API, without `/v2`. */
  url: string;
  /** Template with `{pod}` and `{port}` of the address of a pod's port. */
  proxyUrl: string;
  control: RunpodControl;
  stop: () => Promise<void>;
};

/** The key that is valid unless other keys are given. */
export const simulatedKey = "rpa_SIMULATEDKEY0000000000000000000000000000";

/** Durations as reported of the real service. */
const defaultTimeline: Timeline = {
  provisioningMs: 5_000,
  startingMs: 240_000,
  runtimeMs: 15_000,
  terminatingMs: 2_000,
};

/**
 * Starts the RunPod simulator in this process, on 127.0.0.1. Its containers are processes of their own, which end with
 * it, however it ends.
 */
export async function startRunpodSimulator(options: RunpodOptions = {}): Promise<RunpodSimulator> {
  const folder = options.dataDir ?? mkdtempSync(join(tmpdir(), "runpod-simulator-"));
  mkdirSync(folder, { recursive: true });
  const guardian = await startGuardian(options.dataDir === undefined ? { scratch: folder } : {});
  const clockPath = join(folder, "clock");
  const clock = createClock(clockPath, options.timeScale ?? 1);
  const faults = createFaults(clock);
  for (const fault of options.faults ?? []) faults.add(fault);
  const timeline = { ...defaultTimeline, ...options.timeline };
  const volumes = createVolumes(clock, join(folder, "volumes"));
  let url = "";
  const journals = createJournals(join(folder, "journals"));
  const pods = createPods({
    clock,
    clockPath,
    guardian,
    faults,
    volumes,
    journals,
    timeline,
    addresses: () => ({ api: url, graphql: `${url}/graphql` }),
    stepDelayMs: options.stepDelayMs ?? 0,
    installMs: options.installMs ?? 0,
    restartMs: options.restartMs ?? 10_000,
    root: join(folder, "pods"),
  });
  const world: World = {
    clock,
    faults,
    pods,
    podJson: createPodJson(clock, faults),
    volumes,
    ledger: createLedger(clock),
    journals,
    balance: createBalance(clock, pods),
    billingLagMs: options.billingLagMs ?? 3_600_000,
  };

  const http = createServer();
  const connections = new Set<Socket>();
  http.on("connection", (socket) => {
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
  });
  const proxy = createProxy({ pods, faults, limitMs: () => options.proxyLimitMs ?? 100_000 });
  const held = createHolds<Held>();
  let proxyUrl = "";
  const controlled: Controlled = {
    world,
    timeline,
    held,
    proxyUrl: () => proxyUrl,
    cutConnections: (of) => {
      if (of !== "api") proxy.cutAll();
    },
  };
  const listen = createListener({
    faults,
    keys: createKeys(options.keys ?? { [simulatedKey]: "all" }, { faults, pods }),
    ledger: world.ledger,
    rateLimit: createRateLimit(clock, options.rateLimits ?? null),
    handlers: {
      ...createPodHandlers(world),
      ...createVolumeHandlers(world),
      ...createCatalogueHandlers(world),
      ...createBillingHandlers(world),
      ...createAccountHandlers(world),
    },
    control: (request) => answerControl(controlled, request),
    held,
    onExchange: options.onExchange,
  });
  http.on("request", (request, response) => {
    listen(request, response).catch((error: unknown) => {
      // A client that disconnects while it sends is no fault of the simulator.
      if (!response.destroyed) console.error(error);
    });
  });

  await new Promise<void>((resolve, reject) => {
    http.once("error", reject);
    http.listen(options.port ?? 0, "127.0.0.1", () => {
      http.off("error", reject);
      resolve();
    });
  });
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  proxyUrl = `http://127.0.0.1:${await proxy.listen(options.proxyPort ?? 0)}/proxy/{pod}-{port}`;

  return {
    url,
    proxyUrl,
    control: createRunpodControl(url),
    async stop() {
      clock.stop();
      held.release();
      await pods.endAll();
      await proxy.stop();
      for (const socket of connections) socket.destroy();
      await new Promise((resolve) => http.close(resolve));
      if (options.dataDir === undefined) await rm(folder, { recursive: true, force: true });
      await guardian.close();
    },
  };
}
