import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SelfEndRequest } from "#activities/adapters/pods/provider";
import { selfEndRequests } from "#activities/adapters/pods/runpod/self-end";
import { type AdminState, sendBeat } from "#activities/pods/guard/beat";
import { buildPodOrder, type GuardSettings } from "#activities/pods/guard/order";
import { findFreePort } from "#stack/ports";
import { signalGroup } from "#stack/process-group";
import { until } from "./wait";

export const admin = { email: "gallery@example.org", password: "a password of the gallery" };

const invokeAi = [join(import.meta.dir, "../../simulators/runpod/image/docker-entrypoint.sh")];

/** `answer` gives each status, in order of the requests. */
function startEndApi(answer: (nth: number) => number) {
  const requests: { call: string; authorization: string | null; body: string }[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      requests.push({
        call: `${request.method} ${new URL(request.url).pathname}`,
        authorization: request.headers.get("authorization"),
        body: await request.text(),
      });
      return new Response(null, { status: answer(requests.length) });
    },
  });
  return {
    requests,
    selfEnd: selfEndRequests(`http://127.0.0.1:${server.port}`),
    stop: () => server.stop(true),
  };
}

export type TestGuard = Awaited<ReturnType<typeof startGuard>>;

/** Runs the guard as a pod would, with the InvokeAI simulator (or `command`) as its child. */
async function startGuard(options: {
  selfEnd: readonly SelfEndRequest[];
  settings?: Partial<GuardSettings>;
  /** InvokeAI's root: the same one again is the same volume. */
  root: string;
  command?: string[];
}) {
  const token = "a-token-of-beats";
  const order = buildPodOrder(
    { name: "pod", image: "", gpuType: "", dataCenter: null, volumeId: null, diskGb: 40 },
    {
      beatToken: token,
      admin,
      silenceSeconds: 60,
      endAt: new Date(Date.now() + 60_000),
      pollSeconds: 0.02,
      retrySeconds: 0.05,
      ...options.settings,
    },
    options,
  );
  const [port, beatPort] = [await findFreePort(), await findFreePort()];
  const [flag = "", source = ""] = order.command;
  const env = {
    PATH: process.env.PATH ?? "",
    HOME: options.root,
    ...order.environment,
    RUNPOD_POD_ID: "pod123",
    RUNPOD_API_KEY: "the-pods-own-key",
    INVOKEAI_HOST: "127.0.0.1",
    INVOKEAI_PORT: String(port),
    INVOKEAI_ROOT: options.root,
    GALLERY_GUARD_PORT: String(beatPort),
    SIMULATOR_BUN: process.execPath,
  };
  // A group of its own: nothing of it outlives the test, as nothing outlives a container.
  const child = Bun.spawn(["python3", flag, source, ...(options.command ?? invokeAi)], {
    env,
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
    detached: true,
  });
  const address = `http://127.0.0.1:${beatPort}`;
  const beat = (sent = token) =>
    sendBeat({ provider: "runpod", address, token: sent, withinMs: 2_000 });
  return {
    url: `http://127.0.0.1:${port}`,
    beatUrl: address,
    beat,
    /** Beats until the guard knows the state of the administrator. */
    untilAdmin: (state: AdminState) =>
      until(`administrator: ${state}`, async () => {
        const answer = await beat().catch(() => undefined);
        return answer?.admin === state;
      }),
    isRunning: () => child.exitCode === null,
    /** Asks for the container's end, as a stop of the pod does first; returns the exit code. */
    async stop() {
      child.kill("SIGTERM");
      return child.exited;
    },
    /** What a container's end does. */
    async kill() {
      signalGroup(child.pid, "SIGKILL");
      await child.exited;
    },
  };
}

type GuardOptions = Omit<Parameters<typeof startGuard>[0], "root" | "selfEnd">;

/** Starts guards and what they need, and ends all of it again in `cleanUp`. */
export function createGuardBed() {
  const cleanups: (() => unknown)[] = [];

  /** A new folder for InvokeAI's root. */
  async function volume(): Promise<string> {
    const root = await mkdtemp(join(tmpdir(), "pod-guard-"));
    cleanups.push(() => rm(root, { recursive: true, force: true }));
    return root;
  }

  /** The API to which a guard turns to end its pod; without `answer` it refuses everything. */
  function endApi(answer: (nth: number) => number = () => 403) {
    const api = startEndApi(answer);
    cleanups.push(() => api.stop());
    return api;
  }

  async function guard(
    { selfEnd }: { selfEnd: readonly SelfEndRequest[] },
    options: GuardOptions & { root?: string } = {},
  ): Promise<TestGuard> {
    const root = options.root ?? (await volume());
    const started = await startGuard({ ...options, selfEnd, root });
    cleanups.push(() => started.kill());
    return started;
  }

  async function cleanUp(): Promise<void> {
    for (const clean of cleanups.splice(0).toReversed()) await clean();
  }

  return { endApi, volume, guard, cleanUp };
}
