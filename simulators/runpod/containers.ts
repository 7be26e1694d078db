import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Guardian } from "#stack/guardian";
import { findFreePort } from "#stack/ports";
import { signalGroup } from "#stack/process-group";
import type { Clock } from "./clock.ts";
import { commandLine } from "./command-line.ts";
import type { PodLog } from "./logs.ts";
import type { PodSpec } from "./pod.ts";

export type Container = ReturnType<typeof createContainer>;

export type ContainerDeps = {
  clock: Clock;
  clockPath: string;
  guardian: Guardian;
  /** The API's addresses, as the container sees them. */
  addresses: () => { api: string; graphql: string };
  /** Real pause of each denoising step of a simulated InvokeAI. */
  stepDelayMs: number;
  /** Real duration of each model's download there. */
  installMs: number;
  /** Simulated pause before a command that ended is run again. */
  restartMs: number;
};

/** At a high time scale, a command that ends at once would otherwise occupy the machine. */
const leastRealPauseMs = 30;
const defaultPorts = [9090, 9091];
const invokeAiRoot = "/invokeai";

/** Runs the start command of one pod as a process group, again whenever it ends, until it is killed. */
export function createContainer(
  deps: ContainerDeps,
  pod: {
    spec: PodSpec;
    log: PodLog;
    /** Variables that the service sets, such as RUNPOD_POD_ID. */
    injected: Record<string, string>;
    /** The container's disk: empty at each start of the pod. */
    disk: string;
    /** Gets a line for each picture that an InvokeAI in the container generates. */
    journalPath: string;
    /** Folders by the path at which they are mounted. */
    mounts: ReadonlyMap<string, string>;
    onStart: () => void;
  },
) {
  const ports = new Map<number, number>();
  let isEnded = false;
  let group: number | undefined;
  let exited: Promise<unknown> = Promise.resolve();

  async function run(): Promise<void> {
    if (ports.size === 0) await takePorts();
    if (isEnded) return;
    mkdirSync(pod.disk, { recursive: true });
    let child: ReturnType<typeof spawn>;
    try {
      child = spawn();
    } catch (error) {
      pod.log.add("system", `error starting container: ${(error as Error).message}`);
      runLater();
      return;
    }
    group = child.pid;
    deps.guardian.watch(child.pid, "SIGKILL");
    pod.log.add("system", "start container");
    pod.onStart();
    for (const stream of [child.stdout, child.stderr]) void readLines(stream, pod.log);
    exited = child.exited.then((code) => {
      signalGroup(child.pid, "SIGKILL");
      deps.guardian.forget(child.pid);
      group = undefined;
      if (isEnded) return;
      pod.log.add("system", `container exited with code ${code}; starting it again`);
      runLater();
    });
  }

  function runLater(): void {
    const leastMs = leastRealPauseMs * deps.clock.scale();
    deps.clock.after(Math.max(deps.restartMs, leastMs), () => void run());
  }

  function spawn() {
    return Bun.spawn(commandLine(pod.spec), {
      cwd: pod.disk,
      env: environment(),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
  }

  async function takePorts(): Promise<void> {
    const declared = pod.spec.ports.map((port) => Number.parseInt(port, 10));
    for (const port of new Set([...defaultPorts, ...declared])) {
      ports.set(port, await findFreePort());
    }
  }

  /**
   * The pod's variables; those of the service, which win; and those that stand for what a real pod has of its own: ports
   * (`INVOKEAI_PORT` for 9090, `GALLERY_GUARD_PORT` for 9091, `SIMULATOR_PORT_<n>` for every declared one), the address of
   * the API without `/v2` and of GraphQL, and the folder in place of `/invokeai`.
   */
  function environment(): Record<string, string> {
    const { api, graphql } = deps.addresses();
    const root = pod.spec.env["INVOKEAI_ROOT"] ?? invokeAiRoot;
    const mapped = [...ports].map(([port, real]) => [`SIMULATOR_PORT_${port}`, String(real)]);
    return {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      HOME: pod.disk,
      ...pod.spec.env,
      ...pod.injected,
      RUNPOD_API_BASE_URL: api,
      RUNPOD_GRAPHQL_URL: graphql,
      INVOKEAI_HOST: "127.0.0.1",
      INVOKEAI_PORT: String(ports.get(9090)),
      GALLERY_GUARD_PORT: String(ports.get(9091)),
      INVOKEAI_ROOT: placeOf(root),
      ...Object.fromEntries(mapped),
      SIMULATOR_BUN: process.execPath,
      SIMULATOR_STEP_DELAY_MS: String(deps.stepDelayMs),
      SIMULATOR_INSTALL_MS: String(deps.installMs),
      SIMULATOR_JOURNAL: pod.journalPath,
      SIMULATOR_CLOCK: deps.clockPath,
      PYTHONPATH: join(import.meta.dir, "image"),
      PYTHONDONTWRITEBYTECODE: "1",
      PYTHONUNBUFFERED: "1",
    };
  }

  /** The folder of this machine that a path in the container stands for. */
  function placeOf(path: string): string {
    for (const [mountPath, folder] of pod.mounts) {
      if (path === mountPath || path.startsWith(`${mountPath}/`)) {
        return join(folder, path.slice(mountPath.length));
      }
    }
    return join(pod.disk, path);
  }

  void run();
  return {
    /** The port on this machine by the port in the container; undefined before the first start. */
    portOf: (port: number): number | undefined => ports.get(port),
    ports: (): Record<number, number> => Object.fromEntries(ports),
    /** Kills the command; it is started again. */
    crash(): void {
      if (group !== undefined) signalGroup(group, "SIGKILL");
    },
    /** Kills every process of the container for good. */
    async end(): Promise<void> {
      isEnded = true;
      if (group !== undefined) signalGroup(group, "SIGKILL");
      await exited;
    },
  };
}

async function readLines(stream: ReadableStream<Uint8Array>, log: PodLog): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    log.add("container", lines.join("\n"));
  }
  log.add("container", rest);
}
